"""Writes down how a training goes: the score file and the progress file of `jobs.result`."""

from __future__ import annotations

import contextlib
import logging
import math
import resource
import sys
import time
from typing import Any

from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.details import Details
from mmar_automl.trainer.divergence import LossWatch

log = logging.getLogger("mmar_automl.trainer")


def key_metric(engine: Any) -> float | None:
    """The key metric that an evaluator has just computed; None unless it is one number."""
    value = engine.state.metrics.get(engine.state.key_metric_name)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


class Recorder:
    """Listens to a trainer and its evaluator, last of all handlers.

    Last, because a score may be in the file only when the checkpoint that has it is on disk.
    The best is the greatest finite value (the least, with `minimise`), the first of equals, as in
    MONAI's CheckpointSaver. Values are the metric's own, never negated.
    """

    def __init__(self, layout: MmarLayout, *, write: bool) -> None:
        self._layout = layout
        self._write = write
        self.minimise = False
        self._started = time.monotonic()
        self._losses = LossWatch()
        self._trainer: Any = None
        self._details: Details | None = None
        self._best_details: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.metric: str | None = None
        self.validations = 0

    def attach(self, trainer: Any, evaluator: Any, details: Details) -> None:
        """Listen to both; `evaluator` is None where the config has none."""
        import torch
        from ignite.engine import Events

        self._trainer = trainer
        self._details = details
        # The same seed gives the same score only with the same of these.
        self._facts = {"device": str(trainer.state.device), "threads": torch.get_num_threads()}
        trainer.add_event_handler(Events.EPOCH_STARTED, lambda _: self._losses.begin_epoch())
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._losses.add)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._note_input)
        trainer.add_event_handler(Events.COMPLETED, lambda _: self._write_stats())
        if evaluator is not None:
            details.attach(evaluator)
            evaluator.add_event_handler(Events.EPOCH_COMPLETED, self._validated)

    def write_fault(self, message: str, kind: str) -> None:
        """Note in the score file why the training failed, as far as there is a place for it."""
        with contextlib.suppress(OSError):
            self._write_stats(fault=message, fault_class=kind)

    def state(self) -> dict[str, Any]:
        """What a training that goes on elsewhere has to know."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "metric": self.metric,
            "validations": self.validations,
            "details": self._best_details,
            "seconds": self._seconds(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`; what was written behind it is taken back."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.metric, self.validations = state["metric"], state["validations"]
        self._best_details = state["details"]
        self._started = time.monotonic() - state["seconds"]
        if self._write:
            epoch = self._trainer.state.epoch
            result.trim_progress(self._layout, epoch)
            self._write_stats()

    def _validated(self, evaluator: Any) -> None:
        self.validations += 1
        epoch = self._trainer.state.epoch
        value = key_metric(evaluator)
        self.metric = evaluator.state.key_metric_name
        details = self._details.read(evaluator) if self._details is not None else {}
        if value is None or not math.isfinite(value):
            log.warning("%s is %s at epoch %s, so it can't be the best", self.metric, value, epoch)
        elif self.best is None or (value < self.best if self.minimise else value > self.best):
            self.best, self.best_epoch, self._best_details = value, epoch, details
        if not self._write:
            return
        line = {
            "epoch": epoch,
            "metric": value,
            "seconds": self._seconds(),
            "time": round(time.time(), 3),
            "train_loss": self._losses.mean(),
            "lr": self._lr(),
        }
        if "per_class" in details:
            line["per_class"] = details["per_class"]
        if self.minimise:
            line["direction"] = "min"
        result.append_progress(
            self._layout, {k: v for k, v in line.items() if k != "per_class" or v}
        )
        self._write_stats()

    def _note_input(self, trainer: Any) -> None:
        """The shape of one case as the network sees it: who serves the model has to know it.

        Of the first iteration that is seen, whose number is not 1 where a training goes on.
        """
        if "input_shape" in self._facts:
            return
        output = trainer.state.output
        batched = not isinstance(output, list)
        output = output if batched else output[0] if output else None
        image = output.get("image") if isinstance(output, dict) else None
        shape = [int(size) for size in getattr(image, "shape", ())][1 if batched else 0 :]
        if shape:
            self._facts["input_shape"] = shape

    def _lr(self) -> float | None:
        groups = getattr(getattr(self._trainer, "optimizer", None), "param_groups", None)
        return float(groups[0]["lr"]) if groups else None

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)

    def _write_stats(self, **more: Any) -> None:
        if not self._write:
            return
        stats = {
            "best_validation_metric": self.best,
            "best_validation_epoch": self.best_epoch,
            "metric": self.metric,
            "direction": "min" if self.minimise else "max",
            "epochs": self._trainer.state.epoch if self._trainer is not None else 0,
            "validations": self.validations,
            "seconds": self._seconds(),
            **_memory(),
            **self._facts,
            **self._best_details,
            **more,
        }
        result.write_stats(self._layout, stats)


def _memory() -> dict[str, int]:
    """Peaks in bytes: of this process, and of its GPU where it has used one."""
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = {"peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        peaks["peak_gpu_memory"] = torch.cuda.max_memory_allocated()
    return peaks
