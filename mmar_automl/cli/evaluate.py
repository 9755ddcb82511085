"""`mmar-automl evaluate`: Clara's app for validation and inference; the config decides which."""

from __future__ import annotations

import typer

from mmar_automl.cli.train import (
    ConfigOption,
    EnvOption,
    LogOption,
    MmarOption,
    SetOption,
    SetTakesMany,
    begin,
    told_to_torchrun,
)
from mmar_automl.mmar.environment import parse_set


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("evaluate", cls=SetTakesMany)(evaluate)


def evaluate(
    mmar: MmarOption,
    config: ConfigOption = "config/config_validation.json",
    env: EnvOption = "config/environment.json",
    log_config: LogOption = None,
    set_: SetOption = None,
) -> None:
    """Validate a trained model, or let it infer, as a config says.

    Ends with 0, with 2 for a mistake in the MMAR's files, with 1 if it fails.
    """
    root = begin(mmar, log_config)
    from mmar_automl.trainer.evaluate import evaluate as run
    from mmar_automl.trainer.request import Request

    overrides = parse_set(set_ or [])
    with told_to_torchrun():
        run(Request(root=root, config=config, environment=env, overrides=overrides))
