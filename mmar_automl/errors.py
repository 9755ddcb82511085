"""Everything that can go wrong, and the exit code that each kind ends with.

    MmarAutomlError                1  a fault of ours, or one that nobody foresaw
    ├── BadInput                   2  a user's mistake, found before any job exists
    │   └── ConfigProblems         2  the same, as a list of places in files
    ├── NoUsableScore              3  the search ended and no job has a finite score
    ├── EnvironmentFault           4  a lock, a disk, a permission, a failing handler at startup
    └── Stopped          130/143/129  ended by SIGINT, SIGTERM or SIGHUP

Signals outrank 4, and 4 outranks 3. The command line prints these without a traceback
(`--debug` shows it); any other exception is a defect and does show one.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

JsonPath = tuple[str | int, ...]
"""The way to a value in a JSON file: keys and list indices, outermost first."""

MISSING: Any = object()
"""The value of a problem that has none, for instance a key that is not there."""


def format_path(path: JsonPath) -> str:
    """`("train", "pre_transforms", 6, "args")` → `train.pre_transforms[6].args`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file (or, with `file=""`, on the command line).

    `path` is the JSON path inside the file and `value` what stands there; `hint` says how to
    mend it. `line` is 1-based, or None where the file has no such place.
    """

    severity: Literal["error", "warning"]
    message: str
    file: str = ""
    line: int | None = None
    path: JsonPath = ()
    value: Any = MISSING
    hint: str = ""


class MmarAutomlError(Exception):
    """The root of the tree; on its own it means a fault of ours."""

    exit_code: ClassVar[int] = 1


class BadInput(MmarAutomlError):
    """A user's mistake, found before any job directory exists. `hint` says how to mend it."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigProblems(BadInput):
    """Every problem of an MMAR at once, warnings included; at least one is an error."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = sum(problem.severity == "error" for problem in self.problems)
        super().__init__(f"{errors} error{'s' if errors != 1 else ''} in the MMAR's files")


class NoUsableScore(MmarAutomlError):
    """The search ended, and no job has a finite score."""

    exit_code = 3


class EnvironmentFault(MmarAutomlError):
    """The machine, not the input: a permission, a full disk, a lock that another run holds."""

    exit_code = 4


class Stopped(MmarAutomlError):
    """The search was ended by a signal; `exit_code` is 128 + the signal's number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"ended by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number  # type: ignore[misc]  # per signal, by convention
