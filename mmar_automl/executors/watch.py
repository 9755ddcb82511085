"""The progress file of a running job → what a pruner hears, by looking at it now and then."""

from __future__ import annotations

import json
from typing import Any

from mmar_automl.defs import Context, finite
from mmar_automl.jobs.result import read_progress
from mmar_automl.mmar.layout import MmarLayout

EVERY = 0.25
"""Seconds between two looks, a stat each: a validation takes longer than that, and inotify sees
nothing on a network file system."""


class ProgressWatch:
    """Reports each line of `models/progress.jsonl` once, in the order of its epochs."""

    def __init__(self, job: MmarLayout, ctx: Context, max_epochs: int | None) -> None:
        self._job = job
        self._ctx = ctx
        self._max_epochs = max_epochs
        self._seen: tuple[int, int] | None = None
        self._epoch = 0

    def look(self) -> None:
        """Report what is new."""
        try:
            found = self._job.progress.stat()
        except OSError:
            return
        now = (found.st_size, found.st_mtime_ns)
        if now == self._seen:
            return
        self._seen = now
        for line in read_progress(self._job):
            epoch = line.get("epoch")
            if isinstance(epoch, int) and not isinstance(epoch, bool) and epoch > self._epoch:
                self._epoch = epoch
                self._report(epoch, line)

    def _report(self, epoch: int, line: dict[str, Any]) -> None:
        score = finite(line.get("metric"))
        minimised = line.get("direction") == "min"
        most = line.get("epochs", self._max_epochs)
        self._ctx.report_progress(
            epoch,
            -score if score is not None and minimised else score,
            most if isinstance(most, int) and not isinstance(most, bool) else None,
            minimised=minimised,
        )


def max_epochs(job: MmarLayout, overrides: dict[str, Any]) -> int | None:
    """How long a job is to train, as its config or `--set` says."""
    try:
        config = json.loads(job.train_config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = overrides.get("epochs", config.get("epochs") if isinstance(config, dict) else None)
    return known if isinstance(known, int) and not isinstance(known, bool) else None
