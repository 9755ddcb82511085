"""A trained model as TorchScript: what runs without its Python, and without us."""

from __future__ import annotations

import ast
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput, EnvironmentFault
from mmar_automl.trainer import process
from mmar_automl.trainer.build import build
from mmar_automl.trainer.checkpoint import TRUST, load_weights
from mmar_automl.trainer.faults import TrainingFailed, describe
from mmar_automl.trainer.models import from_checkpoint
from mmar_automl.trainer.request import Request, prepare

log = logging.getLogger("mmar_automl.trainer")


def read_shape(text: str) -> tuple[int, ...]:
    """`"[1, 1, 160, 160, 160]"` as numbers; raises `BadInput`."""
    try:
        shape = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        shape = None
    if (
        not isinstance(shape, (list, tuple))
        or len(shape) < 3
        or not all(type(n) is int and n > 0 for n in shape)
    ):
        raise BadInput(
            f"--input_shape {text!r} is no shape",
            "batch, channels, then the spatial size: [1, 1, 160, 160, 160]",
        )
    return tuple(shape)


def export(
    request: Request,
    checkpoint: Path | None = None,
    output: Path | None = None,
    shape: Sequence[int] | None = None,
) -> Path:
    """Write the TorchScript of a trained model; returns where.

    Defaults: `MMAR_CKPT` to `MMAR_TORCHSCRIPT`. The network is the config's; where the config
    has none, the one that the checkpoint describes. With a `shape` it is traced on an input of
    that shape, and checked to give the same; without one it is scripted.
    """
    import torch

    process.quiet()
    prepared = prepare(request, files=False)
    known, translation = prepared.known, prepared.translation
    file = checkpoint or Path(str(known["MMAR_CKPT"]))
    output = output or Path(str(known["MMAR_TORCHSCRIPT"]))
    trusted = known.get(TRUST) is True
    scope = "train" if "train" in translation.bundle else "validate"
    described = translation.bundle.get(scope, {}).get("model")
    if isinstance(described, dict) and not described["_target_"].startswith(__package__):
        model = build(translation, (f"{scope}::model",))[f"{scope}::model"].to("cpu")
        load_weights(model, file, "cpu", trusted=trusted)
    else:
        model = from_checkpoint(str(file), "cpu", str(request.root), trusted)
    model.eval()
    try:
        with torch.no_grad():
            made = (
                torch.jit.trace(model, torch.rand(*shape))
                if shape
                else torch.jit.script(model)
            )  # fmt: skip
    except Exception as error:
        way = f"traced with an input of shape {list(shape)}" if shape else "scripted"
        hint = "" if shape else "; give --input_shape to trace it instead"
        raise TrainingFailed(f"the model cannot be {way}: {describe(error)}{hint}") from error
    _write(made, output, translation.conf)
    log.info("wrote %s", output)
    return output


def _write(made: Any, output: Path, conf: dict[str, Any]) -> None:
    import torch

    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        torch.jit.save(made, str(beside), _extra_files={"train_conf.json": json.dumps(conf)})
        os.replace(beside, output)
    except (OSError, RuntimeError) as error:
        raise EnvironmentFault(f"{output} cannot be written: {error}") from None
    finally:
        beside.unlink(missing_ok=True)
