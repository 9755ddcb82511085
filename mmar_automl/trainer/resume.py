"""The resumable checkpoint: a training that goes on from it comes to the same numbers.

The state is taken at the end of an epoch, where nothing is half done, and kept in memory; it
goes to disk at each validation, at the end, and when a signal ends the training. So a training
that is stopped loses the epoch that it was in, and nothing else. Where epochs are so short that
this would be a measurable part of them, it happens every few seconds instead.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmar_automl.errors import format_path
from mmar_automl.trainer import distributed, randomness
from mmar_automl.trainer.build import Built
from mmar_automl.trainer.checkpoint import UnfitCheckpoint, read_checkpoint, write_checkpoint
from mmar_automl.trainer.distributed import Place
from mmar_automl.trainer.recorder import Recorder

log = logging.getLogger("mmar_automl.trainer")

OBJECTS = ("train::model", "train::loss", "train::optimizer", "train::lr_scheduler")
TAKE_EVERY = 1.0
"""Seconds at least between two states in memory: what a signal may cost beside the epoch."""
WRITE_EVERY = 5.0
"""Seconds at least between two states on disk: what a kill without notice may cost beside."""
_VERSION = 1
_MAY_CHANGE = ("epochs", "num_interval_per_valid", "print_conf")


class Resumable:
    """Keeps the last completed epoch of a training. Attach it behind all other handlers."""

    def __init__(self, built: Built, recorder: Recorder, file: Path, place: Place) -> None:
        self._built = built
        self._recorder = recorder
        self._file = file
        self._place = place
        self._trainer = built["train::trainer"]
        self._evaluator = built.get("validate::evaluator")
        self._state: dict[str, Any] | None = None
        self._written: int | None = None
        self._validations = 0
        self._taken_at = self._written_at = -math.inf

    def attach(self, restored: dict[str, Any] | None) -> None:
        """Listen to the trainer; with `restored`, set it to that state once it has started."""
        from ignite.engine import Events

        if restored is not None:
            # Behind CheckpointLoader, which would put the weights of the beginning back.
            self._trainer.add_event_handler(Events.STARTED, lambda _: self._restore(restored))
        self._trainer.add_event_handler(Events.EPOCH_COMPLETED, self._epoch_completed)
        self._trainer.add_event_handler(Events.COMPLETED, lambda _: self.save())

    def save(self) -> None:
        """Write the last completed epoch, in one step; nothing before the first one."""
        if self._state is None or not self._place.is_first:
            return
        epoch = self._state["trainer"]["epoch"]
        if epoch != self._written:
            write_checkpoint(self._file, self._state)
            self._written = epoch

    def _epoch_completed(self, engine: Any) -> None:
        validated = self._recorder.validations != self._validations
        self._validations = self._recorder.validations
        last = engine.state.epoch == engine.state.max_epochs
        now = time.monotonic()
        write = validated and now - self._written_at >= WRITE_EVERY
        if self._place.world == 1:
            take = last or write or now - self._taken_at >= TAKE_EVERY
        else:
            # Taking is a meeting of all processes, so no clock may decide on it.
            take = last or validated
        if take:
            self._state, self._taken_at = self._capture(), now
        if write and take:
            self.save()
            self._written_at = now

    def _capture(self) -> dict[str, Any]:
        trainer, evaluator = self._trainer, self._evaluator
        scaler = getattr(trainer, "scaler", None)
        return {
            "version": _VERSION,
            "conf": self._built.translation.conf,
            "trainer": {"epoch": trainer.state.epoch, **_best(trainer)},
            "evaluator": {} if evaluator is None else _best(evaluator),
            "objects": {id: _plain(made.state_dict()) for id, made in self._objects()},
            "scaler": None if scaler is None else _plain(scaler.state_dict()),
            "savers": [_plain(saver.state_dict()) for saver in self._built.savers],
            "recorder": self._recorder.state(),
            "random": distributed.gather(randomness.capture(self._roots()), self._place),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        trainer, evaluator = self._trainer, self._evaluator
        for id, made in self._objects():
            if id not in state["objects"]:
                continue
            try:
                made.load_state_dict(state["objects"][id])
            except (RuntimeError, ValueError, KeyError) as error:
                where = format_path(self._built.translation.origins.get(id, (id,)))
                last = str(error).strip().splitlines()[-1].strip()
                message = f"{self._file} was made with another {where}: {last}"
                raise UnfitCheckpoint(message) from None
        if state["scaler"] is not None and getattr(trainer, "scaler", None) is not None:
            trainer.scaler.load_state_dict(state["scaler"])
        for engine, values in ((trainer, state["trainer"]), (evaluator, state["evaluator"])):
            for key, value in values.items():
                setattr(engine.state, key, value)
        # The next epoch begins with its first batch, whatever their number is today.
        trainer.state.iteration = trainer.state.epoch * (trainer.state.epoch_length or 0)
        for saver, own in zip(self._built.savers, state["savers"], strict=False):
            saver.load_state_dict(own)
        self._recorder.load_state(state["recorder"])
        self._validations = self._recorder.validations
        own = state["random"]
        exact = len(own) == self._place.world and randomness.restore(
            own[self._place.rank], self._roots()
        )
        if not exact:
            log.info("note: the transforms or processes are others, so chance starts anew")
        self._state, self._written = state, state["trainer"]["epoch"]
        log.info("resumed after epoch %s", trainer.state.epoch)

    def _objects(self) -> list[tuple[str, Any]]:
        """What has a state that training changes: the sections, and handlers with one."""
        found = [(id, self._built.get(id)) for id in OBJECTS]
        for scope in ("train", "validate"):
            for index, handler in enumerate(self._built.get(f"{scope}::handlers") or ()):
                # MONAI's EarlyStopHandler keeps ignite's, which has the counter.
                found.append((f"{scope}::handlers::{index}", getattr(handler, "stopper", handler)))
        return [
            (id, made)
            for id, made in found
            if hasattr(made, "state_dict") and hasattr(made, "load_state_dict")
        ]

    def _roots(self) -> list[Any]:
        names = ("dataloader", "pre_transforms", "post_transforms", "iteration")
        ids = (f"{scope}::{name}" for scope in ("train", "validate") for name in names)
        return [self._built.get(id) for id in ids]


def read_resumable(file: Path, conf: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state to go on from, or None, said, where there is none. Raises `UnfitCheckpoint`."""
    if not file.is_file():
        log.info("note: there is no %s to resume from, so the training begins anew", file.name)
        return None
    state = read_checkpoint(file, "cpu")
    if not isinstance(state, dict) or state.get("version") != _VERSION:
        raise UnfitCheckpoint(f"{file} is no resumable checkpoint of this program")
    changed = sorted(
        key
        for key in {*state["conf"], *conf}
        if key not in _MAY_CHANGE and state["conf"].get(key) != conf.get(key)
    )
    if changed:
        log.info("note: the config has changed since %s: %s", file.name, ", ".join(changed))
    return state


def _best(engine: Any) -> dict[str, Any]:
    keys = ("best_metric", "best_metric_epoch")
    return {key: _plain(getattr(engine.state, key)) for key in keys if hasattr(engine.state, key)}


def _plain(value: Any) -> Any:
    """A copy in main memory that can be read back without running code."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True).as_subclass(torch.Tensor)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        copied = [_plain(item) for item in value]
        return tuple(copied) if isinstance(value, tuple) else copied
    return value.item() if isinstance(value, np.generic) else value
