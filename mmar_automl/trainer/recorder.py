"""Writes down how a training goes: the score file and the progress file of `jobs.result`."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout

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
    The best is the greatest finite value, the first of equals, as in MONAI's CheckpointSaver.
    """

    def __init__(self, layout: MmarLayout, *, write: bool) -> None:
        self._layout = layout
        self._write = write
        self._started = time.monotonic()
        self._loss: Any = None
        self._losses = 0
        self._diverged = False
        self._trainer: Any = None
        self._facts: dict[str, Any] = {}
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.metric: str | None = None
        self.validations = 0

    def attach(self, trainer: Any, evaluator: Any) -> None:
        """Listen to both; `evaluator` is None where the config has none."""
        import torch
        from ignite.engine import Events

        self._trainer = trainer
        # The same seed gives the same score only with the same of these.
        self._facts = {"device": str(trainer.state.device), "threads": torch.get_num_threads()}
        trainer.add_event_handler(Events.EPOCH_STARTED, self._forget_losses)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._add_loss)
        if evaluator is not None:
            evaluator.add_event_handler(Events.EPOCH_COMPLETED, self._validated)

    def write_fault(self, message: str) -> None:
        """Note in the score file why the training failed."""
        if self._write:
            result.write_stats(self._layout, {**self._stats(), "fault": message})

    def _forget_losses(self, _: Any) -> None:
        self._loss, self._losses = None, 0

    def _add_loss(self, engine: Any) -> None:
        output = engine.state.output
        output = output[0] if isinstance(output, list) and output else output
        loss = output.get("loss") if isinstance(output, dict) else None
        if loss is None:
            return
        # A tensor stays on its device: reading each number back would make every step wait.
        loss = loss.detach().mean() if hasattr(loss, "detach") else loss
        self._loss = loss if self._loss is None else self._loss + loss
        self._losses += 1

    def _validated(self, evaluator: Any) -> None:
        self.validations += 1
        epoch = self._trainer.state.epoch
        value = key_metric(evaluator)
        self.metric = evaluator.state.key_metric_name
        better = value is not None and math.isfinite(value)
        if better and (self.best is None or value > self.best):  # type: ignore[operator]
            self.best, self.best_epoch = value, epoch
        loss = float(self._loss) / self._losses if self._losses else None
        if loss is not None and not math.isfinite(loss) and not self._diverged:
            self._diverged = True
            log.warning("the training loss is no finite number any more (epoch %s)", epoch)
        if not self._write:
            return
        result.append_progress(
            self._layout,
            {
                "epoch": epoch,
                "metric": value,
                "seconds": round(time.monotonic() - self._started, 3),
                "train_loss": loss,
                "lr": self._lr(),
            },
        )
        result.write_stats(self._layout, self._stats())

    def _lr(self) -> float | None:
        groups = getattr(getattr(self._trainer, "optimizer", None), "param_groups", None)
        return float(groups[0]["lr"]) if groups else None

    def _stats(self) -> dict[str, Any]:
        return {
            "best_validation_metric": self.best,
            "best_validation_epoch": self.best_epoch,
            "metric": self.metric,
            "epochs": self._trainer.state.epoch if self._trainer is not None else 0,
            "validations": self.validations,
            "seconds": round(time.monotonic() - self._started, 3),
            **self._facts,
        }
