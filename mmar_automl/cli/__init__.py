"""The command line: the parser and the exit codes. Each command is a file of its own."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import typer

from mmar_automl import __version__
from mmar_automl.cli import (
    admin,
    best,
    components,
    convert,
    evaluate,
    export,
    init,
    new,
    preview,
    report,
    run,
    runs,
    status,
    stop,
    sync,
    train,
    validate,
)
from mmar_automl.cli.console import err, print_problems
from mmar_automl.errors import BadInput, ConfigProblems, MmarAutomlError, Stopped

app = typer.Typer(
    name="mmar-automl",
    help="Hyperparameter search over Medical Model ARchives (MMARs).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    init,
    new,
    components,
    run,
    status,
    admin,
    stop,
    preview,
    validate,
    report,
    runs,
    best,
    sync,
    train,
    evaluate,
    export,
    convert,
):
    command.register(app)


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"mmar-automl {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the program; a user's mistake gets a message, a defect of ours a traceback."""
    words = sys.argv[1:]
    debug = "--debug" in words or bool(os.environ.get("MMAR_AUTOML_DEBUG"))
    if "--version" in words[:1]:
        words = ["--version", "run"]
    try:
        app(
            args=[word for word in words if word != "--debug"],
            # What the user can type, also where `python -m medl.apps.train` stands for it.
            prog_name="mmar-automl",
            standalone_mode=True,
        )
    except MmarAutomlError as error:
        if debug and not isinstance(error, Stopped):
            raise
        _explain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has left; nobody is there to be told.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _explain(error: MmarAutomlError) -> None:
    if isinstance(error, ConfigProblems):
        print_problems(error.problems, err)
    err.print(f"mmar-automl: {error}", style="bold red", markup=False, soft_wrap=True)
    if isinstance(error, BadInput) and error.hint:
        err.print(f"    → {error.hint}", style="cyan", markup=False, soft_wrap=True)
