"""`mmar-automl convert ROOT OUT`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mmar_automl.cli.console import err, out, print_json, print_problems, say

_EXAMPLES = "Examples:  mmar-automl convert clara_train_spleen spleen_41  ·  mmar-automl convert . ../new --json"  # noqa: E501


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("convert", epilog=_EXAMPLES)(convert)


def convert(
    root: Annotated[Path, typer.Argument(help="The MMAR of Clara Train 3.x.", show_default=False)],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The new MMAR's folder.", show_default=False),
    ],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write an MMAR of Clara Train 3.x as one of 4.1, searches included, and report every change.

    Not needed to train or search it: a config of 3.x trains as it stands.
    """
    from mmar_automl.app.convert import REPORT
    from mmar_automl.app.convert import convert as run

    made = run(root, target)
    print_problems(list(made.problems), err)
    if json_:
        changes = [
            {"file": x.file, "where": x.place, "was": x.was, "is": x.now, "differs": x.differs}
            for x in made.lines
        ]
        print_json({"root": str(made.root), "changes": changes, "notes": list(made.notes)})
        return
    for file in dict.fromkeys(line.file for line in made.lines):
        table = Table(title=file, title_justify="left", title_style="bold", expand=False)
        for heading in ("where", "was", "is", "differs"):
            table.add_column(heading, overflow="fold")
        for line in made.lines:
            if line.file == file:
                cells = (line.place, line.was, line.now, line.differs)
                table.add_row(*(escape(cell) for cell in cells))
        out.print(table)
    for note in made.notes:
        say(f"note: {note}")
    say(f"{len(made.lines)} changes; {made.root / REPORT} has them all")
