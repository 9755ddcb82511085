"""Who listens: the class whose methods are called when something happens."""

from __future__ import annotations

from mmar_automl.defs import Context


class Handler:
    """Override any subset. Calls are serialised; one that raises costs nobody anything.

    A handler that raises in `startup` ends the search before any job. `end_job` is called for
    every `start_job`, also for jobs that crashed or were stopped; between the two a job may be
    paused and go on any number of times. `shutdown` runs in reverse order of the handlers.
    """

    def startup(self, ctx: Context) -> None:
        """Before anything else; may raise to refuse the run. Main thread."""

    def start_automl(self, ctx: Context) -> None:
        """The search begins. Main thread."""

    def search_space_available(self, ctx: Context) -> None:
        """SEARCH_SPACE is set. Main thread."""

    def recommendations_available(self, ctx: Context) -> None:
        """RECOMMENDATIONS holds what the controller just proposed. Main thread."""

    def start_job(self, ctx: Context) -> None:
        """JOB_NAME, GPUS, RECOMMENDATION and CONCRETE_SEARCH_VALUE are set. Job thread."""

    def pause_job(self, ctx: Context) -> None:
        """A pruner has paused the job; OUTCOME holds its best so far. Job thread."""

    def resume_job(self, ctx: Context) -> None:
        """A paused job goes on, maybe on another worker. Job thread."""

    def end_job(self, ctx: Context) -> None:
        """SCORE and JOB_STATUS are set too, and OUTCOME with the whole truth. Job thread.

        Main thread for a job that was paused and ends as that, or as pruned.
        """

    def round_ended(self, ctx: Context) -> None:
        """Every recommendation of one list that the controller gave has ended. Main thread."""

    def end_automl(self, ctx: Context) -> None:
        """No job runs any more. Main thread."""

    def shutdown(self, ctx: Context) -> None:
        """Release what is held. Main thread."""

    def handle_event(self, event: str, ctx: Context) -> None:
        """Called for every event; the default calls the method of that name."""
        getattr(self, event)(ctx)
