"""What goes into a checkpoint, and when a model counts as the best so far."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.errors import MmarAutomlError

TRUST = "trust_checkpoint"
"""The variable by which a user lets a checkpoint run code."""


class ConfigState:
    """The training config as something that ignite's Checkpoint can save.

    Checkpoint walks into dicts and lists looking for objects with a state, and never comes back
    from one that holds texts; an object that has a state itself is left whole.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def state_dict(self) -> dict[str, Any]:
        return self.config

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loading a checkpoint changes the model, not the config that is being trained."""


def guard(saver: Any, key_metric_of: Callable[[Any], float | None]) -> list[Any]:
    """Keep MONAI's CheckpointSaver from losing the best model in two ways.

    A first NaN would stay the best value for ever, since nothing compares greater than it. And
    a training that is killed while it saves would leave no `model.pt` or half of one: the old
    file is deleted before the new one is written in its place. Returns ignite's Checkpoints
    inside, which know what is the best so far.
    """
    inside = [
        checkpoint
        for checkpoint in (saver._key_metric_checkpoint, saver._interval_checkpoint)
        if checkpoint is not None
    ]
    save = saver._key_metric_checkpoint
    if save is None:
        return inside
    if getattr(save.save_handler, "filename", None) is not None:
        save.save_handler._atomic = True
        save.save_handler.remove = _keep

    def save_if_finite(engine: Any) -> None:
        value = key_metric_of(engine)
        if value is not None and math.isfinite(value):
            with disk_faults():
                save(engine)

    saver._key_metric_checkpoint = save_if_finite
    return inside


def _keep(_: str) -> None:
    """Delete nothing: the new file takes the old one's place in one step."""


class UnfitCheckpoint(MmarAutomlError):
    """A checkpoint that cannot be read, or that belongs to another network."""

    exit_code = 2


def read_checkpoint(file: Path, device: str, *, trusted: bool = False) -> Any:
    """What a checkpoint holds; raises `UnfitCheckpoint`.

    Only tensors and plain values are read from the file and no code is run, unless it is
    `trusted`.
    """
    import pickle

    import torch

    try:
        return torch.load(file, map_location=device, weights_only=not trusted)
    except FileNotFoundError:
        raise UnfitCheckpoint(f"{file} does not exist") from None
    except pickle.UnpicklingError as error:
        what = _last_line(error)
        if "weights_only" in str(error) or "Unsupported" in str(error):
            what = (
                "it holds more than tensors and plain values, and reading that runs code; "
                f"if you trust it: --set {TRUST}=True"
            )
        raise UnfitCheckpoint(f"{file} cannot be read: {what}") from None
    except Exception as error:
        # A torn file makes the reader stumble anywhere.
        raise UnfitCheckpoint(f"{file} cannot be read: {_last_line(error)}") from None


def load_weights(model: Any, file: Path, device: str, *, trusted: bool = False) -> None:
    """Put the weights of a `model.pt` into `model`; raises `UnfitCheckpoint`."""
    content = read_checkpoint(file, device, trusted=trusted)
    weights = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise UnfitCheckpoint(f"{file} holds no weights under 'model'")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UnfitCheckpoint(f"{file} is of another network: {_last_line(error)}") from None


def write_checkpoint(file: Path, content: Mapping[str, Any]) -> None:
    """Write beside, then rename: a reader never sees half of it."""
    import torch

    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with disk_faults(), beside.open("wb") as stream:
            torch.save(content, stream)
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_faults() -> Iterator[None]:
    """Raise the `OSError` of a write that failed, where torch tells of a wrong position instead.

    The search takes a full disk for what it is by its name.
    """
    try:
        yield
    except RuntimeError as error:
        reason: BaseException | None = error
        while reason is not None and not isinstance(reason, OSError):
            reason = reason.__context__
        if reason is None:
            raise
        raise reason from None


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()
