"""`mmar-automl best ROOT [RUN]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mmar_automl.cli.console import print_json, say, warn

_EXAMPLES = (
    "Examples:  mmar-automl best sample_mmar  ·  mmar-automl best sample_mmar run_b --apply  ·  "
    'cd "$(mmar-automl best sample_mmar --json | jq -r .folder)"'
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("best", epilog=_EXAMPLES)(best)


def best(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Which search; the latest by default.", show_default=False
        ),
    ] = None,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Write the winner's values into the MMAR's config_train.json; the old file is "
            "kept beside it, the search sections stay.",
        ),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The winner of a search: its folder, and what it changed in the base config."""
    from mmar_automl.app.best import apply_best, change_json, find_best
    from mmar_automl.errors import MISSING, format_path
    from mmar_automl.reports import evidence
    from mmar_automl.search.describe import text

    found = find_best(root, run_id)
    row = found.row
    applied = apply_best(found) if apply else None
    for note in found.notes:
        warn(note)
    if json_:
        told: dict[str, Any] = {
            "run_id": found.report.run_id,
            "job": row.name,
            "folder": None if row.folder is None else str(row.folder),
            "score": row.score,
            "metric": row.metric,
            "epoch": row.epoch,
            "parameters": dict(row.parameters),
            "changes": None
            if found.changes is None
            else [change_json(change) for change in found.changes],
            "set": dict(found.overrides),
            "applied": None
            if applied is None
            else {
                "file": str(applied.file),
                "kept": None if applied.kept is None else str(applied.kept),
            },
        }
        print_json(told)
        return
    say(str(row.folder) if row.folder else f"{found.run.run.root / row.name} (deleted)")
    epoch = "" if row.epoch is None else f" at epoch {row.epoch}"
    say(f"{row.metric or 'score'} {row.score:.4f}{epoch}")
    for change in found.changes or ():
        before, after = (
            "none" if value is MISSING else text(value) for value in (change.before, change.after)
        )
        say(f"    {format_path(change.path)}: {before} → {after}")
    if found.changes == ():
        say("    the base config as it is")
    if found.overrides:
        given = " ".join(f"--set {name}={text(value)}" for name, value in found.overrides.items())
        say(f"trained with {given}")
    say(evidence.in_a_line(evidence.weigh(found.report)))
    if applied is None:
        return
    if applied.kept is None:
        say(f"{applied.file} has these values already")
    else:
        say(f"written to {applied.file}; the old one is {applied.kept.name}")
