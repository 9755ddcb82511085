"""`mmar-automl new KIND NAME ROOT`"""

from __future__ import annotations

import enum
import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import say

_EXAMPLES = (
    "Examples:  mmar-automl new controller MySearch sample_mmar  ·  "
    "mmar-automl new transform RandomGamma ."
)


class Kind(str, enum.Enum):
    """What there is a template for."""

    controller = "controller"
    handler = "handler"
    executor = "executor"
    pruner = "pruner"
    transform = "transform"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new", epilog=_EXAMPLES)(new)


def new(
    kind: Annotated[Kind, typer.Argument(help="What to write.", show_default=False)],
    name: Annotated[
        str,
        typer.Argument(help="The class: MySearch goes to my_search.py.", show_default=False),
    ],
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    automlconf: Annotated[
        str | None,
        typer.Option(help="File in config/ instead of config_automl.json.", show_default=False),
    ] = None,
    no_config: Annotated[
        bool, typer.Option("--no-config", help="Write the file only; leave the config alone.")
    ] = False,
) -> None:
    """Write a component of your own into custom/, working and commented, and add it to the config.

    A controller, executor or pruner takes the place of the one that is named there; the rest of the
    config stays as it is, letter by letter.
    """
    from mmar_automl.app.scaffold import write_component
    from mmar_automl.errors import format_path

    done = write_component(kind.value, name, root, automl_config=automlconf, wire=not no_config)
    say(f"{root / 'custom' / done.file.name}: the class {name}, which works as it is")
    entry = json.dumps(done.entry)
    if no_config:
        say(f"to use it, put it into {done.config.name} at {format_path(done.place)}: {entry}")
    else:
        say(f"{done.config.name}: {format_path(done.place)} is now {entry}")
    if done.replaced is not None and not no_config:
        say(f"in place of {json.dumps(done.replaced, ensure_ascii=False)}")
    say(f"check it:  mmar-automl validate {shlex.quote(str(root))}")
