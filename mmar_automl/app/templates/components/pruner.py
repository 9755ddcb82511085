"""MyPruner: ends hopeless trainings early. Named in config/config_automl.json by its path.

What is written here works: a job is stopped once it is further behind the best one, at the same
epoch, than is allowed. Put your own judgement into `report`.
"""

from __future__ import annotations

from mmar_automl.api import Decision, Progress, Pruner, Verdict


class MyPruner(Pruner):
    """Stops what is too far behind the best job at the same epoch.

    The arguments of `__init__` are the `args` in config_automl.json. All calls come from one
    thread. A search that is resumed gives a new object the same reports in the same order, so use
    no clock, no files and no chance without a seed.
    """

    def __init__(self, warmup: int = 3, behind: float = 0.2) -> None:
        if warmup < 0 or behind < 0:
            # Told to the user before any job starts, with exit status 2.
            raise ValueError("warmup and behind are at least 0")
        self.warmup = warmup  # so many validations of each job are left alone
        self.behind = behind  # in units of the score
        self.best: dict[int, float] = {}  # epoch → the best that any job had reached by then
        self.reached: dict[str, float] = {}  # of each running job: its best so far
        self.reports: dict[str, int] = {}  # of each running job: its validations

    def report(self, progress: Progress) -> Decision | None:
        # A running job has validated. Higher is always better here; score is None where the
        # validation gave no number. None lets the job go on, and so does GO_ON.
        if progress.score is None:
            return None
        job, epoch = progress.job, progress.epoch
        score = max(progress.score, self.reached.get(job, progress.score))
        self.reached[job] = score
        self.reports[job] = self.reports.get(job, 0) + 1
        others = self.best.get(epoch, score)
        self.best[epoch] = max(others, score)
        if self.reports[job] > self.warmup and score < others - self.behind:
            # Verdict.PAUSE keeps the checkpoint, so that `promote` of a later Decision, or
            # `drained`, can let the job go on.
            reason = f"{score:.4g} at epoch {epoch}, where the best had {others:.4g}"
            return Decision(Verdict.STOP, reason)
        return None

    def ended(self, job: str, score: float | None) -> None:
        # A job will report no more: it ended, well or badly, or was stopped.
        self.reached.pop(job, None)
        self.reports.pop(job, None)

    def describe(self) -> str:
        # Printed when the search starts.
        return f"MyPruner: stops what is {self.behind:g} behind after {self.warmup} validations"
