"""What goes into a checkpoint, and when a model counts as the best so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.errors import MmarAutomlError


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


def guard(saver: Any, key_metric_of: Callable[[Any], float | None]) -> None:
    """Keep MONAI's CheckpointSaver from losing the best model in two ways.

    A first NaN would stay the best value for ever, since nothing compares greater than it. And
    a training that is killed while it saves would leave no `model.pt` or half of one: the old
    file is deleted before the new one is written in its place.
    """
    save = saver._key_metric_checkpoint
    if save is None:
        return
    if getattr(save.save_handler, "filename", None) is not None:
        save.save_handler._atomic = True
        save.save_handler.remove = _keep

    def save_if_finite(engine: Any) -> None:
        value = key_metric_of(engine)
        if value is not None and math.isfinite(value):
            save(engine)

    saver._key_metric_checkpoint = save_if_finite


def _keep(_: str) -> None:
    """Delete nothing: the new file takes the old one's place in one step."""


class UnfitCheckpoint(MmarAutomlError):
    """A checkpoint that cannot be read, or that belongs to another network."""

    exit_code = 2


def load_weights(model: Any, file: Path, device: str) -> None:
    """Put the weights of a `model.pt` into `model`; raises `UnfitCheckpoint`.

    Only tensors and plain values are read from the file, no code.
    """
    import pickle

    import torch

    try:
        content = torch.load(file, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise UnfitCheckpoint(f"{file} does not exist") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UnfitCheckpoint(f"{file} cannot be read: {_last_line(error)}") from None
    weights = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise UnfitCheckpoint(f"{file} holds no weights under 'model'")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UnfitCheckpoint(f"{file} is of another network: {_last_line(error)}") from None


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()
