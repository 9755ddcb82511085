"""The files by which a training tells the search how it goes; any training program may write them.

`models/train_stats.json`, rewritten atomically at each validation: `best_validation_metric`
(absent or null while there is none), `best_validation_epoch`, `metric` (the key metric's name),
`direction` ("min" where less is better; "max" where absent), `fault` (why the training failed).
Both files hold the metric's natural value; a search wants higher to be better, and is given the
score so.
`models/progress.jsonl`, a line at each validation: `epoch`, `metric`, `seconds` since the start,
perhaps `time` (seconds since 1970), and whatever else the trainer knows. Both are absent when a
job starts, so what is there afterwards is the job's own.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmar_automl.defs import finite
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.write import write_json, write_text


@dataclass(frozen=True, kw_only=True)
class TrainStats:
    """What a training says of itself; `metric_value` is None unless it is a finite number.

    Higher `metric_value` is better: with `direction` "min" it is the negated `natural_value`.
    """

    metric_value: float | None = None
    natural_value: float | None = None
    direction: str = "max"
    epoch: int | None = None
    metric: str | None = None
    complaint: str = ""
    """Why there is no score, where the file says something that is none."""
    raw: dict[str, Any] = field(default_factory=dict)


def clear(job: MmarLayout) -> None:
    """Take away the files of an earlier training, so that a score that appears is this job's."""
    job.train_stats.unlink(missing_ok=True)
    job.progress.unlink(missing_ok=True)


def write_stats(job: MmarLayout, stats: dict[str, Any]) -> None:
    """Write the score file. Numbers that are not finite become null: JSON has no NaN."""
    job.models.mkdir(parents=True, exist_ok=True)
    write_json(job.train_stats, _strict(stats))


def append_progress(job: MmarLayout, line: dict[str, Any]) -> None:
    """Add a line to the progress file."""
    job.models.mkdir(parents=True, exist_ok=True)
    with job.progress.open("a", encoding="utf-8") as file:
        file.write(json.dumps(_strict(line), allow_nan=False) + "\n")


def read_stats(job: MmarLayout) -> TrainStats:
    """The score file of a job. A missing, torn or odd file is "no score", never an exception."""
    if job.train_stats.exists() and not job.train_stats.is_file():
        return TrainStats(complaint=f"{job.train_stats.name} is no file")
    try:
        raw = json.loads(job.train_stats.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return TrainStats(complaint="no validation wrote a score")
    except (OSError, ValueError, RecursionError) as error:
        return TrainStats(complaint=f"{job.train_stats.name} cannot be read: {error}")
    if not isinstance(raw, dict):
        return TrainStats(complaint=f"{job.train_stats.name} holds no object")
    value = raw.get("best_validation_metric")
    epoch = raw.get("best_validation_epoch")
    metric = raw.get("metric")
    number = finite(value)
    complaint = ""
    if number is None and isinstance(raw.get("fault"), str):
        complaint = raw["fault"]
    elif number is None:
        complaint = (
            "no validation gave a finite score"
            if value is None
            else f"best_validation_metric is {value!r}, not a finite number"
        )
    minimise = raw.get("direction") == "min"
    return TrainStats(
        metric_value=-number if number is not None and minimise else number,
        natural_value=number,
        direction="min" if minimise else "max",
        epoch=epoch if isinstance(epoch, int) and not isinstance(epoch, bool) else None,
        metric=metric if isinstance(metric, str) else None,
        complaint=complaint,
        raw=raw,
    )


def read_progress(job: MmarLayout) -> list[dict[str, Any]]:
    """The progress lines written so far; a torn last line is left for the next look."""
    return read_lines(job.progress)


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file with one on each line; what is torn or odd is left out."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            lines.append(value)
    return lines


def trim_progress(job: MmarLayout, epoch: int) -> None:
    """Take back the lines behind `epoch`, from where a training goes on."""
    lines = [line for line in read_progress(job) if line.get("epoch", 0) <= epoch]
    if job.progress.exists():
        write_text(job.progress, "".join(json.dumps(line) + "\n" for line in lines))


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
