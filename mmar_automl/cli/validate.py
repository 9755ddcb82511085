"""`mmar-automl validate ROOT`"""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mmar_automl.cli.console import out, print_problems, problems_json, say
from mmar_automl.errors import BadInput, Problem

_SMOKE = "epochs=1 num_interval_per_valid=1"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", epilog=_EXAMPLES)(validate)


_EXAMPLES = "Examples:  mmar-automl validate sample_mmar  ·  mmar-automl validate . --json --strict"


def validate(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A variable; may be repeated."),
    ] = None,
    automlconf: Annotated[
        str | None,
        typer.Option(help="File in config/ instead of config_automl.json.", show_default=False),
    ] = None,
    no_data_check: Annotated[
        bool,
        typer.Option("--no-data-check", help="Do not look for the files of the data list."),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check every file of an MMAR and its search space; print all problems at once.

    Exit status 0 if it can be searched, 2 if not.
    """
    from mmar_automl.app.check import check
    from mmar_automl.mmar.environment import parse_set

    parameters, trains = 0, False
    try:
        checked = check(
            root, parse_set(set_ or []), automl_config=automlconf, data=not no_data_check
        )
    except BadInput as error:
        if not json_:
            raise
        # A script that asked for JSON gets JSON, even where there is no MMAR.
        problems = [Problem(severity="error", file=str(root), message=str(error), hint=error.hint)]
    else:
        problems, parameters = list(checked.problems), len(checked.space)
        trains = checked.trains_with_ours
    if strict:
        problems = [dataclasses.replace(problem, severity="error") for problem in problems]
    errors = sum(problem.severity == "error" for problem in problems)
    if json_:
        typer.echo(problems_json(problems))
    else:
        print_problems(problems, out)
        warned = _number(len(problems) - errors, "warning")
        if errors:
            out.print(f"[bold red]{_number(errors, 'error')}[/], {warned}")
        else:
            size = _number(parameters, "parameter")
            out.print(f"[green]{escape(str(root))} can be searched[/]: {size}, {warned}")
            say("An MMAR is code, in its expressions, scripts and custom/: search what you trust.")
            if trains:
                shown = shlex.quote(str(root))
                say(f"One short training first: mmar-automl train -m {shown} --set {_SMOKE}")
    if errors:
        raise typer.Exit(2)


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
