"""`mmar-automl report ROOT [RUN…]`"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmar_automl.cli.console import out, print_json, say, warn
from mmar_automl.errors import BadInput, EnvironmentFault

if TYPE_CHECKING:
    from mmar_automl.app.results import Run
    from mmar_automl.reports.record import Record


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", epilog=_EXAMPLES)(report)


_EXAMPLES = (
    "Examples:  mmar-automl report sample_mmar  ·  mmar-automl report . --html report.html  ·  "
    "mmar-automl report sample_mmar run_a run_b --json"
)


def report(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    run_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Which searches, several side by side; the latest by default.",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a row for each job.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page that opens offline.", show_default=False),
    ] = None,
    data_paths: Annotated[
        bool,
        typer.Option(
            "--data-paths",
            help="Let paths, file names and ids of the patients' data onto the page and into"
            " Markdown.",
        ),
    ] = False,
) -> None:
    """What came out of a search, from its files alone: also while it runs."""
    from mmar_automl.app.record import read_record
    from mmar_automl.app.results import read_run
    from mmar_automl.reports import tabular

    if json_ + csv + markdown > 1:
        raise BadInput("--json, --csv and --markdown exclude each other")
    if html is not None:
        _refuse(html)
    now = time.time()
    wanted: list[str | None] = list(dict.fromkeys(run_ids)) if run_ids else [None]
    runs = [read_run(root, run_id) for run_id in wanted]
    if html is not None:
        tell = warn if json_ or csv or markdown else say
        _write_page(html, [_record(run, now, data_paths) for run in runs], tell)
    if markdown:
        told = [tabular.to_markdown(_record(run, now, data_paths)) for run in runs]
        sys.stdout.write("\n".join(told))
    elif json_ or csv:
        records = [read_record(run, now) for run in runs]
        if json_:
            values = [tabular.to_json(record.report, record.cost) for record in records]
            print_json(values[0] if len(values) == 1 else {"runs": values})
        else:
            sys.stdout.write(tabular.to_csv([record.report for record in records]))
    elif html is None:
        _print(runs)


def _print(runs: list[Run]) -> None:
    from mmar_automl.app.record import has_events
    from mmar_automl.app.results import report_of
    from mmar_automl.mmar.layout import MmarLayout
    from mmar_automl.reports.terminal import print_comparison, print_report

    reports = [report_of(run) for run in runs]
    if len(reports) == 1:
        print_report(reports[0], out)
        jobs = [run.run.job(row.name) for run in runs for row in reports[0].rows]
        if has_events([MmarLayout(runs[0].run.root), *jobs]):
            say(f"TensorBoard: {shlex.join(['tensorboard', '--logdir', str(runs[0].run.root)])}")
    else:
        print_comparison(reports, out)


def _refuse(html: Path) -> None:
    """Where no page can be written, nothing is read."""
    if html.is_dir():
        raise BadInput(f"{html} is a directory", f"name a file, for instance {html}/report.html")
    if not html.parent.is_dir():
        raise BadInput(f"{html.parent} is no directory", "--html makes a file, not its folder")


def _record(run: Run, now: float, data_paths: bool) -> Record:
    """What is passed on: without the patients' names, unless they are asked for."""
    from mmar_automl.app.record import read_record
    from mmar_automl.app.redacted import redacted

    record = read_record(run, now)
    return record if data_paths else redacted(record, run)


def _write_page(html: Path, records: list[Record], tell: Callable[[str], None]) -> None:
    from mmar_automl.mmar.write import write_text
    from mmar_automl.reports.html import render

    page = render(records)
    try:
        write_text(html, page)
    except OSError as error:
        raise EnvironmentFault(f"{html} cannot be written: {error.strerror}") from error
    tell(f"{html}: {len(page.encode()) / 1e6:.1f} MB; it opens offline")
