"""`mmar-automl stop ROOT [RUN]`"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import say, warn
from mmar_automl.errors import MmarAutomlError

_EXAMPLES = "Examples:  mmar-automl stop sample_mmar  ·  mmar-automl stop sample_mmar run_b"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stop", epilog=_EXAMPLES)(stop)


def stop(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Which search; the latest by default.", show_default=False
        ),
    ] = None,
    grace: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="From SIGTERM to SIGKILL for jobs that outlived their search; a search that "
            "lives has a --grace of its own.",
        ),
    ] = "10",
) -> None:
    """End a search and wait until nothing of it lives; `run --resume` goes on later.

    A search that lives ends its jobs and is gone when this returns. If its process was killed
    with -9, the jobs that outlived it are ended. Exit status 0 also if nothing runs; 4 if it is
    another user's or runs on another machine.
    """
    from mmar_automl.app.limits import seconds
    from mmar_automl.app.results import find_runs
    from mmar_automl.app.status import how_to_resume, in_words, living_runs
    from mmar_automl.app.stop import stop as stop_run
    from mmar_automl.app.sync import settle

    ended = stop_run(root, run_id, grace=seconds(grace, "--grace") or 0.0, say=say)
    with contextlib.suppress(MmarAutomlError):
        settle(ended.found, warn)
    name, end = ended.found.run.root.name, ended.found.journal.ended
    if ended.search is None and not ended.jobs:
        state = "its search process is gone" if end is None else f"it has ended ({end.state})"
        say(f"nothing runs of {name}: {state}")
        if run_id is None and len(find_runs(root)[1]) > 1:
            for other in living_runs(root):
                say(f"{other} runs: {in_words('stop', root, other)}")
        return
    if ended.search is not None:
        say(f"the search {name}, pid {ended.search}, has ended" + (f": {end.state}" if end else ""))
    if ended.jobs:
        say(f"ended {len(ended.jobs)} that had outlived their search: {', '.join(ended.jobs)}")
    say(f"{how_to_resume(root, name)} goes on")
