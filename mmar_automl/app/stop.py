"""End a search from outside: its process, and the jobs that outlived a process that was killed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmar_automl.app.living import Holder, holder_of, jobs_with_processes
from mmar_automl.app.results import Run, read_run
from mmar_automl.defs import JobState
from mmar_automl.engine.console import remove_stale
from mmar_automl.engine.lock import Held, RunLock
from mmar_automl.errors import EnvironmentFault
from mmar_automl.executors.local import LocalLauncher
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.write import write_json

_TELL = 5.0
"""Seconds between two words about what is waited for."""


@dataclass(frozen=True)
class Stopped:
    """What was ended: the search (its process id) and jobs that had no search any more."""

    found: Run
    search: int | None
    jobs: tuple[str, ...]


def stop(root: Path, run_id: str | None, *, grace: float, say: Callable[[str], None]) -> Stopped:
    """End a run, the latest by default, and wait until nothing of it lives.

    A search gets SIGTERM and ends its jobs as it was told to; jobs without one get SIGTERM and,
    after `grace` seconds, SIGKILL. Raises `EnvironmentFault` if it is not ours to end.
    """
    found = read_run(root, run_id)
    name = found.run.root.name
    who = holder_of(found.run)
    if who is not None and not who.here:
        raise EnvironmentFault(f"{name} runs on {who.host}, pid {who.pid}: stop it there")
    if who is not None:
        _end_search(found, who, say)
        found = read_run(root, name)
    with _having(found, say):
        jobs = _end_jobs(found, grace, say)
    return Stopped(found, who.pid if who else None, tuple(jobs))


def _end_search(found: Run, who: Holder, say: Callable[[str], None]) -> None:
    """SIGTERM, and wait for the process: how long that takes is up to its --grace."""
    name = found.run.root.name
    try:
        descriptor = os.pidfd_open(who.pid)
    except ProcessLookupError:
        return
    try:
        if found.journal.ended is None:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            say(f"{name}: SIGTERM to the search, pid {who.pid}")
        else:
            say(f"{name} has ended; its process, pid {who.pid}, still closes its files")
        began = time.monotonic()
        while not select.select([descriptor], [], [], _TELL)[0]:
            running = [job.name for job in read_run(found.layout.root, name).journal.running]
            seconds = round(time.monotonic() - began)
            say(f"{seconds} s: waiting for {', '.join(running) or 'its process to close'}")
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise EnvironmentFault(
            f"{name} is another user's: only they may end pid {who.pid}"
        ) from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _having(found: Run, say: Callable[[str], None]) -> Iterator[None]:
    """Have the run's lock meanwhile, so that no resume adopts a job that is being ended."""
    lock: RunLock | None = None
    try:
        lock = RunLock(found.run.lock)
        remove_stale(found.run.console)
    except Held as held:
        raise EnvironmentFault(f"{found.run.root.name} is {held}: somebody goes on with it") from (
            held
        )
    except OSError as error:
        # A full disk must not keep anybody from ending what fills it.
        say(f"{found.run.lock} cannot be written ({error.strerror}): going on without it")
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _end_jobs(found: Run, grace: float, say: Callable[[str], None]) -> list[str]:
    """End whatever of the run's jobs still lives, all at the same time; their names."""
    token = found.journal.token
    jobs = jobs_with_processes(token) if token else []
    threads = []
    for name in jobs:
        say(f"ending {name}, which has outlived its search")
        thread = threading.Thread(
            target=_end_job, args=(found.run.job(name), f"{token}/{name}", grace), name=name
        )
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return jobs


def _end_job(job: MmarLayout, token: str, grace: float) -> None:
    launcher = LocalLauncher()
    ended_by_itself = job.exit_status.exists()
    handle = launcher.adopt(token)
    if handle is not None:
        launcher.cancel(handle, grace)
    launcher.orphans(token)
    if ended_by_itself:
        return
    # Its round script may have recorded the SIGTERM as its exit status. A resume must not read
    # that as a failure of the job: it is one to run again.
    with contextlib.suppress(OSError, ValueError, TypeError):
        record = json.loads(job.job.read_text(encoding="utf-8"))
        write_json(job.job, {**record, "state": str(JobState.INTERRUPTED), "ended": time.time()})
