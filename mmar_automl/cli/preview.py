"""`mmar-automl preview ROOT`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mmar_automl.cli.console import err, out, print_json, print_problems, warn
from mmar_automl.errors import MISSING, format_path

if TYPE_CHECKING:
    from mmar_automl.app.preview import Preview
    from mmar_automl.defs import Parameter, SearchSpace

_EXAMPLES = "Examples:  mmar-automl preview sample_mmar  ·  mmar-automl preview . -n 20 --json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview", epilog=_EXAMPLES)(preview)


def preview(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    number: Annotated[
        int, typer.Option("-n", min=0, help="So many of the first recommendations.")
    ] = 5,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A variable; may be repeated."),
    ] = None,
    automlconf: Annotated[
        str | None,
        typer.Option(help="File in config/ instead of config_automl.json.", show_default=False),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a search would vary, and its first configurations; nothing is run or written.

    Data may be missing, variables and components unknown: only the search sections count.
    """
    from mmar_automl.app.preview import preview as look
    from mmar_automl.mmar.environment import parse_set

    found = look(root, parse_set(set_ or []), automl_config=automlconf, number=number)
    print_problems(found.problems, err)
    if json_:
        if found.notice:
            warn(found.notice)
        print_json(_as_json(found))
        return
    _print_space(found.space, out)
    _print_proposals(found, out)


def _as_json(found: Preview) -> dict[str, Any]:
    from mmar_automl.search import describe
    from mmar_automl.search.count import count

    return {
        "parameters": [
            {
                "name": name,
                "key": parameter.key,
                "type": parameter.type,
                "targets": describe.targets(parameter),
                "scale": getattr(parameter.domain, "scale", None),
                "default": describe.default(parameter, position),
                "when": describe.when(parameter, found.space),
            }
            for parameter in found.space
            for position, name in enumerate(parameter.names)
        ],
        "distinct_configurations": count(found.space),
        "recommendations": [
            {"values": proposal.recommendation.result.named()} for proposal in found.proposals
        ],
    }


def _print_space(space: SearchSpace, console: Console) -> None:
    from mmar_automl.search import describe

    rows = [row for parameter in space for row in _rows(parameter, space)]
    titles = ("parameter", "type", "range or choices", "scale", "default", "active when")
    used = [index for index in range(len(titles)) if any(row[index] for row in rows)]
    table = Table(header_style="bold")
    for index in used:
        table.add_column(titles[index], overflow="fold", no_wrap=index != 2)
    for row in rows:
        table.add_row(*(Text(row[index] or "–") for index in used))
    unbounded = console.options.update(max_width=10_000)
    if Measurement.get(console, unbounded, table).minimum <= console.width:
        console.print(table)
    else:
        for name, *rest in rows:
            console.print(Text(name, style="bold"), soft_wrap=True)
            for title, words in zip(titles[1:], rest, strict=True):
                if words:
                    console.print(Text(f"    {title}: {words}"), soft_wrap=True)
    if any(len(parameter.names) > 1 for parameter in space):
        console.print("& moves together with the parameter above it", style="dim")
    console.print(Text(describe.size(space), style="bold"))


def _rows(parameter: Parameter, space: SearchSpace) -> Iterator[tuple[str, ...]]:
    """One row for each name: the cells of the table, empty where there is nothing to say."""
    from mmar_automl.defs import Choices
    from mmar_automl.search import describe

    domain = parameter.domain
    for position, name in enumerate(parameter.names):
        if isinstance(domain, Choices):
            values = " | ".join(describe.text(option[position]) for option in domain.options)
            scale = ""
        else:
            step = "" if domain.step is None else f" step {domain.step}"
            values, scale = f"[{domain.min}, {domain.max}]{step}", domain.scale
        alias = parameter.args[position].alias
        value = describe.default(parameter, position)
        known = parameter.default is not None
        yield (
            ("& " if position else "") + name + (f" ({alias})" if alias else ""),
            parameter.type,
            values,
            scale,
            describe.text(value) if known else "",
            describe.in_words(parameter.active, space),
        )


def _print_proposals(found: Preview, console: Console) -> None:
    console.print()
    if found.notice:
        console.print(Text(found.notice, style="yellow"), soft_wrap=True)
    console.print(Text(found.controller), soft_wrap=True)
    if found.pruner:
        console.print(Text(found.pruner), soft_wrap=True)
    for number, proposal in enumerate(found.proposals, start=1):
        console.print(f"[bold]{number}[/]")
        for change in proposal.changes:
            before, after = _value(change.before), _value(change.after)
            line = f"    {format_path(change.path)}: {before} → {after}"
            console.print(Text(line), soft_wrap=True)
        if not proposal.changes:
            console.print("    the base config as it is", soft_wrap=True)
    more = found.proposed - len(found.proposals)
    if more > 0:
        console.print(f"and {more} more before the first result is in (-n {found.proposed})")


def _value(value: Any) -> str:
    from mmar_automl.search.describe import text

    return "none" if value is MISSING else text(value)
