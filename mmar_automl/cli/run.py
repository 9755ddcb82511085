"""`mmar-automl run ROOT`"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmar_automl.cli.console import err, out, print_problems, say, shown, warn
from mmar_automl.errors import BadInput, MmarAutomlError, NoUsableScore, Stopped

if TYPE_CHECKING:
    from mmar_automl.api import Handler
    from mmar_automl.app.check import Checked
    from mmar_automl.defs import RunOutcome
    from mmar_automl.engine.run import Engine
    from mmar_automl.mmar.layout import MmarLayout, RunLayout

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXAMPLES = (
    "Examples:  mmar-automl run sample_mmar  ·  mmar-automl run . --workers cpu:cpu  ·  "
    "mmar-automl run . --workers 0:0:1,2 --run-id first --set epochs=50"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog=_EXAMPLES)(run)


def run(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    workers: Annotated[
        str | None,
        typer.Option(
            "--workers",
            "-w",
            help="Workers separated by ':', the GPUs of one by ',': 0:0:1,2. 'cpu' has none."
            " Default: one for each visible GPU, else one on CPU.",
            show_default=False,
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            help="A new name. Default: the next free of run_a, run_b, …", show_default=False
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A variable for config_automl.json and for every training; may be repeated.",
        ),
    ] = None,
    automlconf: Annotated[
        str | None,
        typer.Option(help="File in config/ instead of config_automl.json.", show_default=False),
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            envvar="MLFLOW_TRACKING_URI",
            help="Where MLflow keeps the results. Default: sqlite in ROOT/automl/mlflow.db.",
            show_default=False,
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(help="MLflow's experiment. Default: the MMAR's name.", show_default=False),
    ] = None,
    no_mlflow: Annotated[bool, typer.Option("--no-mlflow", help="Do not write to MLflow.")] = False,
    register_model: Annotated[
        str | None,
        typer.Option(
            "--register",
            metavar="NAME[@ALIAS]",
            help="Put the best job's model into MLflow's registry; the alias is 'best'.",
            show_default=False,
        ),
    ] = None,
    log_data_paths: Annotated[
        bool,
        typer.Option(
            "--log-data-paths",
            help="Let paths, file names and ids of the patients' data get into MLflow.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with --run-id, or the latest run, after any end, with its --set and"
            " --automlconf.",
        ),
    ] = False,
    max_jobs: Annotated[
        int | None,
        typer.Option(min=1, help="So many jobs in all, also on --resume.", show_default=False),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End the search after 90, 30m, 12h, 2d."),
    ] = None,
    job_timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="End a job that takes longer.")
    ] = None,
    stall_timeout: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End a job whose log and progress stand still so long."),
    ] = None,
    target_score: Annotated[
        float | None, typer.Option(help="Stop once a job reaches it.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after so many jobs without an improvement.", show_default=False
        ),
    ] = None,
    min_delta: Annotated[
        float | None,
        typer.Option(min=0, help="A gain of at most this is no improvement.", show_default=False),
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="How often a job is tried again that was not at fault.")
    ] = 1,
    max_consecutive_failures: Annotated[
        int, typer.Option(min=1, help="So many jobs failing alike, none well before, end it.")
    ] = 5,
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="From SIGTERM to SIGKILL for a job.")
    ] = "10",
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Serve the admin console on this loopback port as well; 0 for any free one.",
            show_default=False,
        ),
    ] = None,
    traceout: Annotated[
        str | None,
        typer.Option(
            metavar="console|file|both",
            help="Trace every event to the console, to trace.log in the run's folder, or both.",
            show_default=False,
        ),
    ] = None,
    trace_file: Annotated[
        str | None,
        typer.Option(help="Another name than trace.log.", show_default=False),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Tell only warnings, and the result.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="A line for each validation; no view is drawn."),
    ] = False,
    no_data_check: Annotated[
        bool,
        typer.Option("--no-data-check", help="Go on though files of the data list are missing."),
    ] = False,
) -> None:
    """Search: propose configurations, train each in an MMAR of its own, keep the best.

    Exit status 0: some job has a score. Without one it is 3, for bad input 2, for a lock, a disk
    or a permission 4, for a component that failed 1; a signal gives 128 and its number.
    """
    from mmar_automl.app.changes import words_of
    from mmar_automl.app.check import check, require
    from mmar_automl.app.gpus import visible_gpus
    from mmar_automl.app.results import find_run
    from mmar_automl.defs import TRACE_DESTINATIONS
    from mmar_automl.engine.workers import parse_workers
    from mmar_automl.mmar.environment import parse_set

    if quiet and verbose:
        raise BadInput("--quiet and --verbose exclude each other")
    if traceout is not None and traceout not in TRACE_DESTINATIONS:
        raise BadInput(f"--traceout {traceout}: it is console, file or both")
    resumed = find_run(root, run_id)[1] if resume else None
    kept, chosen = words_of(resumed) if resumed else ({}, None)
    overrides = {**kept, **parse_set(set_ or [])}
    automlconf = automlconf or chosen
    checked = require(check(root, overrides, automl_config=automlconf, data=not no_data_check))
    print_problems(checked.problems, err)
    gpus = visible_gpus()
    parsed, notices = parse_workers(workers, len(gpus))
    for notice in notices:
        warn(notice)
    from mmar_automl.app.bootstrap import Trace, build, runs_root
    from mmar_automl.app.console import listen, serving
    from mmar_automl.app.disk import shortfall
    from mmar_automl.app.limits import limits_of, seconds
    from mmar_automl.executors.base_mmar import Patience
    from mmar_automl.search.describe import size

    admin_socket = listen(admin_port)
    limits = limits_of(
        checked.mmar.automl_config.data,
        {
            "max_jobs": max_jobs,
            "max_time": seconds(max_time, "--max-time"),
            "target_score": target_score,
            "patience": patience,
            "min_delta": min_delta,
        },
        retries=retries,
        max_consecutive_failures=max_consecutive_failures,
    )
    missing = shortfall(checked, runs_root(checked.mmar), limits.max_jobs)
    if missing:
        warn(missing)
    progress = _progress(quiet, verbose)
    tell = _nothing if quiet else say
    search = build(
        checked,
        run_id=run_id,
        resume=resumed,
        limits=limits,
        patience=Patience(
            job=seconds(job_timeout, "--job-timeout"),
            stall=seconds(stall_timeout, "--stall-timeout"),
            grace=seconds(grace, "--grace") or 0.0,
        ),
        workers=parsed,
        gpus=gpus,
        tracking=_tracking(
            checked,
            no_mlflow=no_mlflow,
            tell=_nothing if quiet else warn,
            tracking_uri=tracking_uri or None,
            experiment=experiment,
            register=register_model,
            data_paths=log_data_paths,
        ),
        trace=Trace(traceout or "file", trace_file) if traceout or trace_file else None,
        progress=progress,
        say=tell,
        report=warn,
    )
    searched = f"{len(checked.space)} parameter{'' if len(checked.space) == 1 else 's'}"
    tell(f"{checked.mmar.layout.root.name}: {searched}, {size(checked.space)}")
    tell(f"run {search.run_id}: {search.run.root}")
    try:
        with _signals(search.engine), serving(search, admin_socket, warn), shown(progress):
            outcome = search.engine.run(search.context)
    finally:
        search.lock.release()
    if outcome.reason == "nothing is left to do":
        say(f"{search.run_id} has ended, and nothing is left to do (--max-jobs would extend it)")
    _conclude(
        checked.mmar.layout, search.run, outcome, root, None if no_mlflow else tracking_uri or ""
    )


def _progress(quiet: bool, verbose: bool) -> Handler:
    """A view where a terminal can draw one, lines where it cannot, more lines or none if asked."""
    from mmar_automl.api import Handler
    from mmar_automl.handlers.progress import ProgressHandler

    if quiet:
        return Handler()
    if verbose or (out.is_terminal and not out.is_dumb_terminal):
        from mmar_automl.handlers.live import EveryValidation, LiveView

        return EveryValidation(say) if verbose else LiveView(out)
    return ProgressHandler(say)


def _nothing(_line: str) -> None:
    """What a quiet search tells."""


def _tracking(
    checked: Checked, *, no_mlflow: bool, tracking_uri: str | None, **options: Any
) -> Callable[[], Handler]:
    from mmar_automl.handlers.mlflow import (
        MlflowHandler,
        Unrecorded,
        check_tracking_uri,
        relocate_store,
    )

    if no_mlflow:
        return Unrecorded
    if tracking_uri:
        check_tracking_uri(tracking_uri)
    else:
        relocate_store(checked.mmar.layout)
    return lambda: MlflowHandler(tracking_uri=tracking_uri, notify=warn, **options)


@contextlib.contextmanager
def _signals(engine: Engine) -> Iterator[None]:
    """Signals end the search gracefully, a second one at once. An ignored one stays ignored."""
    asked = 0

    def handle(number: int, _frame: object) -> None:
        nonlocal asked
        asked += 1
        if asked > 2 and not engine.busy:
            # What is waited for is a tracking store, or a plug-in.
            os._exit(128 + number)
        name = signal.Signals(number).name
        # The console's lock may be held by the very code that was interrupted: write directly.
        told = (
            f"{name}: stopping, the running jobs get --grace to end; once more ends them at once\n"
            if asked == 1
            else f"{name}: ending the running jobs at once\n"
        )
        with contextlib.suppress(OSError):
            os.write(2, told.encode())
        engine.interrupt(number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


def _conclude(
    layout: MmarLayout, run: RunLayout, outcome: RunOutcome, root: Path, tracking: str | None
) -> None:
    """Print the result, and raise what the exit status is made of."""
    from mmar_automl.app.results import report_of, run_at
    from mmar_automl.defs import RunState
    from mmar_automl.handlers.mlflow import ui_command
    from mmar_automl.reports.terminal import print_report

    out.print()
    print_report(report_of(run_at(layout, run)), out)
    if outcome.handler_errors:
        say(f"handler errors: {outcome.handler_errors}")
    say(f"again: mmar-automl report {root}")
    if tracking is not None:
        say(f"in MLflow: {ui_command(layout, tracking or None)}")
    if outcome.signal is not None:
        raise Stopped(outcome.signal)
    if outcome.state is RunState.FAILED:
        raise MmarAutomlError(outcome.reason)
    if outcome.score is None:
        nothing = outcome.state is RunState.FINISHED and not outcome.jobs
        said = "the controller proposed nothing" if nothing else "no job has a usable score"
        raise NoUsableScore(said)
