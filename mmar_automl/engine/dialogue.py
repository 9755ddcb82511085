"""What is said between the engine and the controller, and the ids that both count in.

A recommendation's id is the controller's own. In a resumed search a controller may use an id again
that the journal has given to another configuration; then the journal counts on.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmar_automl.api import Controller
from mmar_automl.defs import (
    Context,
    Job,
    Outcome,
    Recommendation,
    SearchResult,
    SearchSpace,
    Value,
)
from mmar_automl.engine.events import Event, Proposal, RecommendationsMade
from mmar_automl.engine.instructions import Instruction, TellController, UpdateController
from mmar_automl.engine.state import EngineState


class Dialogue:
    """One controller's side of a search. All calls are the engine thread's."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._space = SearchSpace(())
        self._resumed = False
        self.recommendations: dict[int, Recommendation] = {}
        """By the journal's id: what the controller said."""

    def begin(self, space: SearchSpace, ctx: Context) -> None:
        """Hand over the space."""
        self._space = space
        self._controller.set_search_space(space, ctx)

    def initial(self, ctx: Context) -> list[Recommendation]:
        """The controller's first recommendations."""
        return self._listed(self._controller.initial_recommendation(ctx))

    def tell(self, job: Job, ctx: Context) -> list[Recommendation]:
        """What the controller proposes, told what came of a job."""
        return self._listed(self._controller.refine_recommendation(self.outcome(job), ctx))

    def update(self, job: Job, ctx: Context) -> None:
        """Tell the controller what became of a job that it knows as paused."""
        self._controller.update_outcome(self.outcome(job), ctx)

    def outcome(self, job: Job) -> Outcome:
        """The outcome of a job, under the id that the controller gave it."""
        return Outcome(
            recommendation_id=self.recommendations[job.recommendation_id].id,
            job_name=job.name,
            state=job.state,
            value=job.score,
            failure=job.failure,
            message=job.message,
            exit_status=job.exit_status,
            epoch=job.epoch,
            trained=job.trained,
            max_epochs=job.max_epochs,
            curve=job.curve,
            metric=job.metric,
            minimised=job.minimised,
            tail=job.tail,
        )

    def recall(
        self, history: Sequence[Event], state: EngineState, ctx: Context
    ) -> list[Recommendation]:
        """Give the controller its history back, in the order in which it heard it.

        Returns what it proposes beyond what is in the journal, whose proposals stand even if the
        controller would propose others today.
        """
        self._resumed = True
        more = self._restore(history, ctx)
        return self._replay(history, state, ctx) if more is None else more

    def _restore(self, history: Sequence[Event], ctx: Context) -> list[Recommendation] | None:
        """Offer the history whole; None if the controller wants its calls made again."""
        items: list[Recommendation | Outcome] = []
        told: set[str] = set()
        # What it heard of a job is what was true then: one that was paused has gone on since.
        then, heard = EngineState(), dict[str, Job]()
        for event in history:
            instructions = then.handle(event)
            heard |= _to_tell(instructions)
            items += [
                self.outcome(instruction.job)
                for instruction in instructions
                if isinstance(instruction, UpdateController)
            ]
            if not isinstance(event, RecommendationsMade):
                continue
            if event.after is not None and event.after not in told:
                told.add(event.after)
                items.append(self.outcome(heard.get(event.after, then.jobs[event.after])))
            self._stand_in(event)
            items += [self.recommendations[proposal.id] for proposal in event.proposals]
        more = self._controller.restore(items, ctx)
        if more is None:
            self.recommendations.clear()
            return None
        return list(more)

    def _replay(
        self, history: Sequence[Event], state: EngineState, ctx: Context
    ) -> list[Recommendation]:
        """Make every call of the interrupted search again."""
        known = {self._mark(proposal.values): n for n, proposal in state.proposals.items()}
        more: list[Recommendation] = []
        told: set[str | None] = set()
        then, heard = EngineState(), dict[str, Job]()
        for event in history:
            instructions = then.handle(event)
            heard |= _to_tell(instructions)
            for instruction in instructions:
                if isinstance(instruction, UpdateController):
                    self.update(instruction.job, ctx)
            if not isinstance(event, RecommendationsMade):
                continue
            after = event.after
            if after in told:
                # What an earlier resume proposed beyond its journal.
                self._stand_in(event)
                continue
            told.add(after)
            if after is None:
                made = self.initial(ctx)
            else:
                made = self.tell(heard.get(after, then.jobs[after]), ctx)
            strangers = []
            for recommendation in made:
                number = known.get(self._mark(recommendation.result.values))
                if number is None:
                    strangers.append(recommendation)
                else:
                    self.recommendations[number] = recommendation
            # As many as were made then are in the journal, whatever they are today.
            surplus = max(0, len(made) - len(event.proposals))
            more += strangers[max(0, len(strangers) - surplus) :] if surplus else []
            self._stand_in(event)
        return more

    def proposal(self, recommendation: Any) -> Proposal:
        """A recommendation for the journal; raises if it is none that could be run."""
        name = type(self._controller).__name__
        if not isinstance(recommendation, Recommendation):
            raise TypeError(f"{name} returned {recommendation!r}, which is no Recommendation")
        own = number = _whole(recommendation.id, name)
        if number in self.recommendations:
            if not self._resumed:
                raise ValueError(f"{name} used the recommendation id {number!r} twice")
            number = max(self.recommendations) + 1
        values = {key: _plain(value) for key, value in _values(recommendation, name).items()}
        for key, value in values.items():
            if key not in self._space:
                raise ValueError(f"{name} proposed a value for {key!r}, which is no parameter")
            self._space[key].values(value)
        self.recommendations[number] = Recommendation(own, SearchResult(self._space, values))
        return Proposal(
            id=number, values=values, parameters=SearchResult(self._space, values).named()
        )

    def _listed(self, made: Any) -> list[Recommendation]:
        """An answer of the controller; raises if it is no list of anything."""
        if made is not None and (isinstance(made, (str, bytes)) or not isinstance(made, Iterable)):
            name = type(self._controller).__name__
            raise TypeError(f"{name} returned {made!r}, which is no list of recommendations")
        return list(made or ())

    def _stand_in(self, event: RecommendationsMade) -> None:
        """Proposals of the journal that the controller did not make again."""
        for proposal in event.proposals:
            if proposal.id not in self.recommendations:
                result = SearchResult(self._space, dict(proposal.values))
                self.recommendations[proposal.id] = Recommendation(proposal.id, result)

    def _mark(self, values: Any) -> tuple[tuple[str, Value], ...]:
        return tuple(self._space.effective(values).items())


def _to_tell(instructions: Iterable[Instruction]) -> dict[str, Job]:
    """The jobs of which the controller is to hear, as they are when it does."""
    jobs = (item.job for item in instructions if isinstance(item, TellController))
    return {job.name: job for job in jobs}


def _whole(number: Any, name: str) -> int:
    try:
        return operator.index(number)
    except TypeError as error:
        said = f"{name} used the recommendation id {number!r}, which is no whole number"
        raise TypeError(said) from error


def _values(recommendation: Recommendation, name: str) -> Mapping[str, Any]:
    """What a recommendation proposes; raises for anything but a result with values by parameter."""
    said = f"{name} returned the recommendation {recommendation.id}, whose"
    result: Any = recommendation.result
    if not isinstance(result, SearchResult):
        raise TypeError(f"{said} result is {result!r}, which is no SearchResult")
    values: Any = result.values
    if not isinstance(values, Mapping):
        raise TypeError(f"{said} values are {values!r}, which are none by parameter")
    return values


def _plain(value: Any) -> Any:
    """A number as Python has it: numpy's own are no JSON."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)
