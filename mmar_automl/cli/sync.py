"""`mmar-automl sync ROOT [RUN]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import say, warn
from mmar_automl.errors import EnvironmentFault

_EXAMPLES = "Examples:  mmar-automl sync sample_mmar  ·  mmar-automl sync sample_mmar run_b"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync", epilog=_EXAMPLES)(sync)


def sync(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Which search; the latest by default.", show_default=False
        ),
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="Where to, instead of where the search was recorded.", show_default=False
        ),
    ] = None,
) -> None:
    """Send to MLflow what a search could not: a server was down, or the search was killed.

    What is there already is left alone, and nothing stays RUNNING. Exit status 4 if MLflow does
    not answer or the search still runs.
    """
    from mmar_automl.app.sync import sync as send_missing

    sent = send_missing(root, run_id, uri=tracking_uri, notify=warn)
    if sent.lost:
        raise EnvironmentFault(f"something of {sent.lost} runs did not get through to {sent.where}")
    say(f"{sent.run_id} and its {sent.jobs} jobs are in MLflow: {sent.where}")
