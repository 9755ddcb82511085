"""What is said between the engine and the pruner; whatever a pruner does, the search goes on."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from mmar_automl.api import GO_ON, Decision, Progress, Pruner, Verdict
from mmar_automl.defs import Job, JobState, SearchSpace, finite
from mmar_automl.engine.events import Event, JobEnded, JobReported, PausedSettled
from mmar_automl.engine.instructions import GiveUp
from mmar_automl.engine.state import EngineState

Answer = TypeVar("Answer")


class Pruning:
    """One pruner's side of a search. All calls are the engine thread's.

    A pruner that raises, or answers what is no answer, is named once and not asked again: what it
    has paused ends as pruned, what runs trains to its end. The baseline is not cut
    whatever it says: a search whose baseline has no full score cannot say what it has gained.
    """

    def __init__(self, pruner: Pruner | None, report: Callable[[str], None]) -> None:
        self._pruner = pruner
        self._report = report
        self._space = SearchSpace(())

    def begin(self, space: SearchSpace) -> None:
        """Know the space of the search."""
        self._space = space

    @property
    def listens(self) -> bool:
        """Whether anybody wants to know how jobs are doing."""
        return self._pruner is not None

    def heard(
        self,
        state: EngineState,
        job: str,
        epoch: int,
        score: object,
        max_epochs: int | None,
        minimised: bool,
        time: float,
    ) -> JobReported | None:
        """The event of a validation with what the pruner decides; None if there is none to ask.

        An epoch that was reported before is none: a training that goes on from a checkpoint may
        do it again.
        """
        known = state.jobs.get(job)
        if self._pruner is None or known is None or known.state is not JobState.RUNNING:
            return None
        if job in state.cuts or (known.trained is not None and epoch <= known.trained):
            return None
        value = finite(score)
        progress = Progress(
            job=job,
            recommendation_id=known.recommendation_id,
            epoch=epoch,
            score=value,
            max_epochs=max_epochs,
            minimised=minimised,
        )
        decision = self._ask(lambda pruner: _checked(pruner.report(progress), state), GO_ON)
        spared = max_epochs is not None and epoch >= max_epochs
        spared = spared or self._space.is_baseline(known.values)
        return JobReported(
            job=job,
            epoch=epoch,
            score=value,
            max_epochs=max_epochs,
            minimised=minimised,
            verdict=Verdict.GO_ON if spared else decision.verdict,
            reason=decision.reason,
            promote=decision.promote,
            time=time,
        )

    def ended(self, job: Job) -> None:
        """Tell of a job that has come to its end."""
        if job.state.ended and job.state is not JobState.INTERRUPTED:
            self._ask(lambda pruner: pruner.ended(job.name, job.score), None)

    def settle(self, paused: Sequence[str], ask: bool, time: float) -> PausedSettled:
        """Which paused jobs go on, now that nothing else can happen."""
        promoted: tuple[str, ...] = ()
        if ask:
            promoted = self._ask(lambda pruner: _among(pruner.drained(paused), paused), promoted)
        return PausedSettled(promoted=promoted, asked=ask, time=time)

    def recall(self, history: Sequence[Event]) -> None:
        """Tell the pruner again what it was told; what it decided then is in the journal."""
        if self._pruner is None:
            return
        state = EngineState()
        for event in history:
            if isinstance(event, JobReported):
                self.heard(
                    state,
                    event.job,
                    event.epoch,
                    event.score,
                    event.max_epochs,
                    event.minimised,
                    event.time,
                )
            elif isinstance(event, PausedSettled):
                self.settle(tuple(state.paused), event.asked, event.time)
            instructions = state.handle(event)
            if isinstance(event, JobEnded):
                self.ended(state.jobs[event.job])
            for instruction in instructions:
                if isinstance(instruction, GiveUp):
                    for job in instruction.jobs:
                        self.ended(job)

    def _ask(self, question: Callable[[Pruner], Answer], otherwise: Answer) -> Answer:
        if self._pruner is None:
            return otherwise
        try:
            return question(self._pruner)
        except (Exception, SystemExit) as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            name = type(self._pruner).__name__
            self._pruner = None
            self._report(
                f"{name} raised {type(error).__name__}: {error} "
                f"({os.path.basename(frame.filename)}:{frame.lineno}); "
                "the search goes on, and nothing more is pruned"
            )
            return otherwise


def _checked(decision: object, state: EngineState) -> Decision:
    """A decision that can be carried out; raises for what is none."""
    if decision is None:
        return GO_ON
    if not isinstance(decision, Decision) or not isinstance(decision.verdict, Verdict):
        raise TypeError(f"report returned {decision!r}, which is no Decision")
    strangers = [name for name in decision.promote if name not in state.jobs]
    if strangers:
        raise ValueError(f"it promotes {strangers[0]!r}, which is no job")
    return Decision(decision.verdict, str(decision.reason), tuple(decision.promote))


def _among(names: Sequence[str], paused: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(names or ())
    strangers = [name for name in chosen if name not in paused]
    if strangers:
        raise ValueError(f"drained returned {strangers[0]!r}, which is no paused job")
    return chosen
