"""Who proposes: the class that a search strategy subclasses."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Union

from mmar_automl.defs import Context, Outcome, Recommendation, SearchSpace


class Controller(abc.ABC):
    """A search strategy. All calls come from the engine's thread, one at a time.

    Subclasses are constructed with the `args` of their component in `config_automl.json`.
    A controller always sees higher-is-better.
    """

    @abc.abstractmethod
    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Keep the space; called once, first. Raise, or ask `ctx` to stop, if it is unfit."""

    @abc.abstractmethod
    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """The first configurations; called once. An empty list ends the search at once."""

    @abc.abstractmethod
    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """More configurations, or none, given what came of one; called once for every job.

        A job that a pruner stopped has the state `pruned`, one that it paused `paused`; both come
        with the best score so far in `value` and the epoch of the last validation in `trained`.
        """

    def update_outcome(self, outcome: Outcome, ctx: Context) -> None:
        """A paused job, of which `refine_recommendation` has heard, has trained further or ended.

        For controllers that learn: this outcome replaces the earlier one of that recommendation.
        """

    def restore(
        self, history: Sequence[Union[Recommendation, Outcome]], ctx: Context
    ) -> list[Recommendation] | None:
        """Take up an interrupted search; called instead of `initial_recommendation`.

        `history` is what was proposed and what came of it, in the order in which it happened,
        under the ids that the recommendations have from now on; a job that was paused may have
        several outcomes, of which the last counts. Returns what to propose beyond
        it. The default returns None: then all calls of the interrupted search are made again,
        which is right for every controller whose proposals follow from what it is told.
        """
        return None

    def shutdown(self, ctx: Context) -> None:
        """Release what is held; called once, last."""

    def describe(self) -> str:
        """One line for the start of a run: the budget, and why these jobs."""
        return type(self).__name__
