"""`mmar-automl export`: Clara's app that writes a trained model as TorchScript."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.train import (
    ConfigOption,
    EnvOption,
    LogOption,
    MmarOption,
    SetOption,
    SetTakesMany,
    begin,
)
from mmar_automl.mmar.environment import parse_set


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("export", cls=SetTakesMany)(export)


def export(
    mmar: MmarOption,
    config: ConfigOption = "config/config_train.json",
    env: EnvOption = "config/environment.json",
    log_config: LogOption = None,
    model_path: Annotated[
        str | None,
        typer.Option(
            "--model_path", help="The checkpoint, relative to the MMAR; MMAR_CKPT by default."
        ),
    ] = None,
    output_path: Annotated[
        str | None,
        typer.Option(
            "--output_path",
            help="Where to write, relative to the MMAR; MMAR_TORCHSCRIPT by default.",
        ),
    ] = None,
    input_shape: Annotated[
        str | None,
        typer.Option(
            "--input_shape",
            help="Trace with an input of this shape: \\[batch, channel, x, y, z]. "
            "Without it the network is scripted.",
        ),
    ] = None,
    set_: SetOption = None,
) -> None:
    """Write a trained model as TorchScript.

    Ends with 0, with 2 for a mistake in the MMAR's files, with 1 if the model can't be exported.
    """
    root = begin(mmar, log_config)
    from mmar_automl.trainer.export import export as run
    from mmar_automl.trainer.export import read_shape
    from mmar_automl.trainer.request import Request

    run(
        Request(root=root, config=config, environment=env, overrides=parse_set(set_ or [])),
        _under(root, model_path),
        _under(root, output_path),
        None if input_shape is None else read_shape(input_shape),
    )


def _under(root: Path, path: str | None) -> Path | None:
    return None if path is None else root / path
