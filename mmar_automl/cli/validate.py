"""`mmar-automl validate ROOT`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import out, print_problems, problems_json
from mmar_automl.errors import ConfigProblems, Problem


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
        str | None, typer.Option(help="File in config/ instead of config_automl.json.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check every file of an MMAR and its search space; print all problems at once.

    Exit status 0 if it can be searched, 2 if not.
    """
    from mmar_automl.app.check import check
    from mmar_automl.mmar.environment import parse_set

    try:
        checked = check(root, parse_set(set_ or []), automl_config=automlconf)
        problems: tuple[Problem, ...] = checked.problems
        parameters = len(checked.space)
    except ConfigProblems as found:
        problems, parameters = found.problems, 0
    errors = [p for p in problems if p.severity == "error" or strict]
    if json_:
        typer.echo(problems_json(problems))
    else:
        print_problems(problems, out)
        warnings = len(problems) - len(errors)
        if errors:
            out.print(f"[bold red]{len(errors)} to mend[/], {warnings} warnings")
        else:
            out.print(
                f"[green]{root} can be searched[/]: {parameters} parameters, {warnings} warnings"
            )
    if errors:
        raise typer.Exit(2)
