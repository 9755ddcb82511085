"""`mmar-automl train`: Clara's train app. torch and MONAI load only once it runs."""

from __future__ import annotations

import logging
import logging.config
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mmar_automl.errors import BadInput
from mmar_automl.mmar.environment import parse_set
from mmar_automl.mmar.layout import MmarLayout


class _SetTakesMany(TyperCommand):
    """`--set a=1 b=2 c`: as many words as follow, none included, as in Clara's scripts."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread: list[str] = []
        setting = False
        for word in args:
            if setting and not word.startswith("-"):
                spread += ["--set", word]
            elif word == "--set":
                setting = True
            else:
                setting = False
                spread.append(word)
        return super().parse_args(ctx, spread)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train", cls=_SetTakesMany)(train)


def train(
    mmar: Annotated[Path, typer.Option("--mmar", "-m", help="The MMAR's folder.")],
    train_config: Annotated[
        str, typer.Option("--train_config", "-c", help="Training config, relative to the MMAR.")
    ] = "config/config_train.json",
    env: Annotated[
        str, typer.Option("--env", "-e", help="Environment file, relative to the MMAR.")
    ] = "config/environment.json",
    log_config: Annotated[
        str | None,
        typer.Option("--log_config", "-l", help="Python logging config, relative to the MMAR."),
    ] = None,
    write_train_stats: Annotated[
        bool,
        typer.Option(
            "--write_train_stats",
            help="Write models/train_stats.json and models/progress.jsonl, which a search reads.",
        ),
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE ...",
            help="Variables that outrank config and environment; any number of words may follow.",
        ),
    ] = None,
) -> None:
    """Train an MMAR with its config, on today's MONAI.

    Ends with 0, with 2 for a mistake in the MMAR's files, with 1 if the training fails.
    """
    # A search stops a job by SIGTERM; whoever started us may have left a signal ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    configure_logging(mmar, log_config)
    from mmar_automl.trainer.process import append_to_path
    from mmar_automl.trainer.run import Request
    from mmar_automl.trainer.run import train as run

    root = mmar.resolve()
    # PYTHONPATH may have put the MMAR's own Python in front of torch's and MONAI's imports.
    append_to_path(MmarLayout(root).custom)
    run(
        Request(
            root=root,
            config=train_config,
            environment=env,
            overrides=parse_set(set_ or []),
            write_stats=write_train_stats,
        )
    )


def configure_logging(mmar: Path, log_config: str | None) -> None:
    """Log as the MMAR's `resources/log.config` says, or plainly to stdout without one."""
    file = mmar / (log_config or "resources/log.config")
    if not mmar.is_dir():
        raise BadInput(f"{mmar} is no directory")
    if not file.is_file():
        if log_config:
            raise BadInput(f"{file} does not exist")
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
        return
    try:
        logging.config.fileConfig(file, disable_existing_loggers=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadInput(f"{file} is no logging config: {error}") from None
