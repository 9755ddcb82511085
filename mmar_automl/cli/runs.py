"""`mmar-automl runs ROOT`"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from mmar_automl.cli.console import out, print_json, say

if TYPE_CHECKING:
    from mmar_automl.app.listing import Listed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("runs", epilog="Examples:  mmar-automl runs sample_mmar  ·  … --json")(runs)


def runs(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The searches of an MMAR, the earliest first: state, jobs, best score, times."""
    from mmar_automl.app.listing import list_runs

    found = list_runs(root)
    if json_:
        print_json([_as_json(run) for run in found])
    elif not found:
        say(f"no search has been run on {root} yet: mmar-automl run {root}")
    else:
        _print(found)


def _as_json(run: Listed) -> dict[str, Any]:
    report = run.report
    if report is None:
        return {"run_id": run.run_id, "state": None, "trouble": run.trouble}
    winner = report.winner
    return {
        "run_id": run.run_id,
        "state": str(report.state),
        "jobs": len(report.rows),
        "ended": sum(row.state.ended for row in report.rows),
        "proposed": report.proposed,
        "best": report.best,
        "score": winner.score if winner else None,
        "metric": report.metric if winner else None,
        "started": report.began,
        "seconds": report.seconds,
        "controller": report.controller,
        "trouble": None,
    }


def _print(found: list[Listed]) -> None:
    from mmar_automl.reports.words import duration

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("RUN", "STATE", "JOBS", "BEST", "STARTED", "TOOK", "CONTROLLER"):
        table.add_column(title, overflow="fold")
    for run in found:
        report = run.report
        if report is None:
            table.add_row(Text(run.run_id), Text("damaged", style="red"), "–", "–", "–", "–", "–")
            continue
        winner = report.winner
        ended = sum(row.state.ended for row in report.rows)
        score = "–" if winner is None else f"{winner.score:.4f} {winner.name}"
        began = report.began
        table.add_row(
            Text(run.run_id),
            str(report.state),
            f"{ended}/{report.proposed}",
            Text(score),
            "–" if began is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(began)),
            "–" if report.seconds is None else duration(report.seconds),
            Text(report.controller),
        )
    out.print(table)
    for run in found:
        if run.trouble:
            say(f"{run.run_id}: {run.trouble}")
