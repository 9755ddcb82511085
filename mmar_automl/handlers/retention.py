"""MMARHandler: keeps the best job MMARs, points `best/` at the best, stops at a score."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, JobState, Outcome
from mmar_automl.mmar.layout import RunLayout


class MMARHandler(Handler):
    """Clara's handler of the run folder.

    `num_mmars_to_keep` job MMARs with the highest scores stay, all of them by default; the best,
    running jobs and jobs that failed (their logs are wanted) are never deleted. The search stops
    once a score reaches `stop_threshold`. `train_config_file` (in `config/`) and `work_dir` (the
    parent of run folders, instead of `<MMAR>/automl`) are read where the run is set up. A job
    MMAR never holds more than `key_mmar_content_only` asks for, so both of its values are one.
    """

    def __init__(
        self,
        num_mmars_to_keep: int | None = None,
        stop_threshold: float | None = None,
        train_config_file: str | None = None,
        key_mmar_content_only: bool = False,
        work_dir: str | None = None,
    ) -> None:
        if num_mmars_to_keep is not None and num_mmars_to_keep < 1:
            raise ValueError(f"num_mmars_to_keep is at least 1, got {num_mmars_to_keep}")
        self._keep = num_mmars_to_keep
        self._threshold = stop_threshold
        self._ranking: list[tuple[float, int, str]] = []
        self._ended = 0

    def startup(self, ctx: Context) -> None:
        """Rank the jobs that ended before the search was resumed."""
        for job in ctx.get_prop(ContextKey.HISTORY, []):
            if job.state in (JobState.FINISHED, JobState.PRUNED) and job.score is not None:
                self._ended += 1
                self._ranking.append((-job.score, self._ended, job.name))
        self._ranking.sort()

    def end_job(self, ctx: Context) -> None:
        """Rank the job, refresh `best/`, delete what falls off the end, check the threshold."""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        ranked = outcome.state in (JobState.FINISHED, JobState.PRUNED)
        if not ranked or outcome.value is None:
            return
        run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
        # On a tie the earlier job stays ahead.
        self._ended += 1
        self._ranking.append((-outcome.value, self._ended, outcome.job_name))
        self._ranking.sort()
        if self._ranking[0][2] == outcome.job_name:
            point_best(run, outcome.job_name)
        if self._keep is not None:
            for _, _, name in self._ranking[self._keep :]:
                shutil.rmtree(run.job(name).root, ignore_errors=True)
            del self._ranking[self._keep :]
        if self._threshold is not None and outcome.value >= self._threshold:
            ctx.stop_work(
                self, f"{outcome.job_name} reached the score {outcome.value:g} of stop_threshold"
            )


def point_best(run: RunLayout, job: str) -> None:
    """Make `best` a relative link to a job's folder, so that the MMAR may be moved.

    Where links fail, a copy. The old one is replaced in one step.
    """
    beside = run.root / ".best.new"
    _remove(beside)
    try:
        beside.symlink_to(job, target_is_directory=True)
    except (OSError, NotImplementedError):
        shutil.copytree(run.job(job).root, beside, symlinks=True)
    if run.best.is_dir() and not run.best.is_symlink():
        _remove(run.best)
    os.replace(beside, run.best)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
