"""How a job failed, from its exit status and the end of its log."""

from __future__ import annotations

import signal
from pathlib import Path

from mmar_automl.api import JobFailed
from mmar_automl.defs import FailureClass, JobState

_TAIL_BYTES = 16_384
_TAIL_LINES = 12
_SIGNALS = {
    signal.SIGKILL: " (often: out of memory)",
    signal.SIGTERM: "",
    signal.SIGINT: "",
    signal.SIGHUP: "",
    signal.SIGSEGV: "",
    signal.SIGBUS: "",
    signal.SIGABRT: "",
    signal.SIGFPE: "",
    signal.SIGILL: "",
}
_WORDS: tuple[tuple[FailureClass, str, tuple[str, ...]], ...] = (
    (FailureClass.DISK_FULL, "no space left on the disk", ("No space left on device",)),
    (
        FailureClass.OUT_OF_MEMORY,
        "out of memory",
        (
            "OutOfMemoryError",
            "CUDA out of memory",
            "can't allocate memory",
            "Cannot allocate memory",
            "MemoryError",
            "std::bad_alloc",
        ),
    ),
    (
        FailureClass.DIVERGED,
        "the training diverged",
        ("has diverged", "loss is nan"),
    ),
)


def classify(status: int | None, tail: str, *, stopped: bool) -> JobFailed | None:
    """The failure of a job, or None if it ended well.

    `status` is the process's (negative for a signal), None if nobody saw its end; `stopped`: the
    search ended it.
    """
    if stopped:
        return JobFailed(
            "stopped with the search", state=JobState.INTERRUPTED, exit_status=status, tail=tail
        )
    if status == 0:
        return None
    if status is None:
        return JobFailed(
            "its process is gone and nobody saw it end", failure=FailureClass.LOST, tail=tail
        )
    # A shell reports a child's signal as 128 + n; both ways of reading it are one fact.
    number = -status if status < 0 else status - 128
    for failure, words, marks in _WORDS:
        if any(mark in tail for mark in marks):
            said = f"{words} (exit status {status})"
            return JobFailed(said, failure=failure, exit_status=status, tail=tail)
    if number in _SIGNALS:
        said = f"killed by signal {number}{_SIGNALS[signal.Signals(number)]}"
        return JobFailed(said, failure=FailureClass.KILLED, exit_status=status, tail=tail)
    failure = FailureClass.BAD_CONFIGURATION if status == 2 else FailureClass.EXIT_STATUS
    said = f"ended with exit status {status}"
    return JobFailed(said, failure=failure, exit_status=status, tail=tail)


def log_end(log: Path) -> str:
    """The last lines of a log of any size and encoding."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip()[:400] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])
