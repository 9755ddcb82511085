"""`mmar-automl train`: Clara's train app. torch and MONAI load only once it runs."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.config
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mmar_automl.errors import BadInput, MmarAutomlError
from mmar_automl.mmar.environment import parse_set
from mmar_automl.mmar.layout import MmarLayout


class SetTakesMany(TyperCommand):
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
    app.command("train", cls=SetTakesMany)(train)


MmarOption = Annotated[Path, typer.Option("--mmar", "-m", help="The MMAR's folder.")]
ConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        "--train_config",
        "-c",
        help="The config, relative to the MMAR; the other files, too.",
    ),
]
EnvOption = Annotated[str, typer.Option("--env", "-e", help="The environment file.")]
LogOption = Annotated[
    str | None, typer.Option("--log_config", "-l", help="A Python logging config.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE ...",
        help="Variables that outrank config and environment; any number of words may follow.",
    ),
]


def train(
    mmar: MmarOption,
    config: ConfigOption = "config/config_train.json",
    env: EnvOption = "config/environment.json",
    log_config: LogOption = None,
    write_train_stats: Annotated[
        bool,
        typer.Option(
            "--write_train_stats",
            help="Write models/train_stats.json and models/progress.jsonl, which a search reads.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            envvar="MMAR_RESUME",
            help="Go on from models/resume.pt, if it is there, to the same numbers.",
        ),
    ] = False,
    set_: SetOption = None,
) -> None:
    """Train an MMAR with its config, on today's MONAI.

    Ends with 0, with 2 for a mistake in the MMAR's files, with 1 if the training fails.
    """
    root = begin(mmar, log_config)
    from mmar_automl.trainer.run import Request
    from mmar_automl.trainer.run import train as run

    with told_to_torchrun():
        run(
            Request(
                root=root,
                config=config,
                environment=env,
                overrides=parse_set(set_ or []),
                write_stats=write_train_stats,
                resume=resume,
                own_process=True,
            )
        )


def begin(mmar: Path, log_config: str | None) -> Path:
    """What Clara's apps begin with: signals, logging, the path. Returns the MMAR's root."""
    # A search stops a job by SIGTERM; whoever started us may have left a signal ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    configure_logging(mmar, log_config)
    from mmar_automl.byoc import append_to_path

    root = mmar.resolve()
    # PYTHONPATH may have put the MMAR's own Python in front of torch's and MONAI's imports.
    append_to_path(MmarLayout(root).custom)
    return root


@contextlib.contextmanager
def told_to_torchrun() -> Iterator[None]:
    """Hand a failure's message to torchrun, whose own summary is the last that a person sees."""
    try:
        yield
    except MmarAutomlError as error:
        file = os.environ.get("TORCHELASTIC_ERROR_FILE")
        if file:
            # torchrun prints the call stack, so the message stands in its place.
            more = {"py_callstack": str(error), "timestamp": str(int(time.time()))}
            message = {"message": {"message": str(error), "extraInfo": more}}
            with contextlib.suppress(OSError):
                Path(file).write_text(json.dumps(message), encoding="utf-8")
        raise


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
