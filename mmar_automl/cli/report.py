"""`mmar-automl report ROOT [RUN_ID]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import out, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", epilog=_EXAMPLES)(report)


_EXAMPLES = (
    "Examples:  mmar-automl report sample_mmar  ·  mmar-automl report sample_mmar run_b --json"
)


def report(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    run_id: Annotated[
        str | None,
        typer.Argument(help="Which search; the latest by default.", show_default=False),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What came out of a search: its jobs by score, from the journal."""
    from mmar_automl.app.results import read_report
    from mmar_automl.reports.summary import to_json
    from mmar_automl.reports.terminal import print_report

    found = read_report(root, run_id)
    if json_:
        print_json(to_json(found))
    else:
        print_report(found, out)
