"""Whether the disk will do for the jobs of a search."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from mmar_automl.app.check import Checked
from mmar_automl.mmar.clone import COPIED
from mmar_automl.mmar.load import component_args
from mmar_automl.search.count import count

BUDGET = 32
"""Jobs of a controller that does not say how many it will propose."""
_CHECKPOINTS = 3
"""A training keeps its best model, its last one, and what it needs to go on."""


def shortfall(checked: Checked, parent: Path, max_jobs: int | None) -> str:
    """A sentence on how much space is missing for the jobs below `parent`; empty if it will do.

    A job is taken to be as large as the largest of earlier searches, else as its clone and three
    times the base's largest model.
    """
    place = parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    jobs = _kept(checked, max_jobs)
    need = jobs * max(_earlier(parent), default=_guess(checked))
    if need <= free:
        return ""
    return (
        f"{jobs} jobs will need about {_gigabytes(need)}, but {place} has {_gigabytes(free)} left: "
        "make room, or let MMARHandler keep fewer (num_mmars_to_keep)"
    )


def _kept(checked: Checked, max_jobs: int | None) -> int:
    automl = checked.mmar.automl_config.data
    controller = next(item for item in checked.components if item.kind == "controller")
    budgets = [max_jobs, controller.args.get("max_jobs"), controller.args.get("max_rounds")]
    asked = next((number for number in budgets if isinstance(number, int)), BUDGET)
    keep = component_args(automl, "handlers", "MMARHandler").get("num_mmars_to_keep")
    limits = [asked, keep, count(checked.space)]
    return min(number for number in limits if isinstance(number, int))


def _earlier(parent: Path) -> list[int]:
    """The sizes of earlier jobs, of the latest run that has any."""
    runs = sorted(parent.glob("*/journal.jsonl"), key=lambda file: file.stat().st_mtime)
    for journal in reversed(runs):
        sizes = [_size(job.parent.rglob("*")) for job in journal.parent.glob("W*/job.json")]
        if sizes:
            return sizes
    return []


def _guess(checked: Checked) -> int:
    root = checked.mmar.layout.root
    clone = sum(_size((root / name).rglob("*")) for name in COPIED)
    models = [file.stat().st_size for file in checked.mmar.layout.models.glob("*.pt")]
    return clone + _CHECKPOINTS * max(models, default=0)


def _size(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        if file.is_file() and not file.is_symlink():
            total += file.stat().st_size
    return total


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
