"""How we speak: plain on a pipe, coloured on a terminal, problems with their places."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rich.console import Console
from rich.text import Text

from mmar_automl.errors import MISSING, Problem, format_path

PIPE_WIDTH = 160
"""Columns where there is no terminal to ask: a log or a pager takes more than 80."""


class _Console(Console):
    """A console whose reader may leave: a search does not end because `head` has seen enough."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's, but where nothing can be written, nothing is."""
        try:
            super().print(*objects, **options)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        # What is still buffered would fail again when the program ends.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def _console(stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if stream is None:
        return Console(file=io.StringIO(), quiet=True)
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return _Console(stderr=stderr, width=width, highlight=False, emoji=False)


out = _console(stderr=False)
err = _console(stderr=True)


def say(line: str) -> None:
    """A plain line on standard output, as it stands; nothing where nothing can be written."""
    _print(out, line, "")


def warn(line: str) -> None:
    """A notice on standard error; above a view on the same terminal, which it would break."""
    _print(out if _viewing and err.is_terminal else err, line, "yellow")


_viewing = False


@runtime_checkable
class Closes(Protocol):
    """What has the terminal."""

    def close(self) -> None:
        """Give it back."""


@contextlib.contextmanager
def shown(view: object) -> Iterator[None]:
    """While something may be drawn on the terminal; whatever happens, it is given back."""
    global _viewing
    _viewing = out.is_terminal and isinstance(view, Closes)
    try:
        yield
    finally:
        if isinstance(view, Closes):
            view.close()
        _viewing = False


def _print(console: Console, line: str, style: str) -> None:
    plain = "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in line)
    console.print(Text(plain, style=style), soft_wrap=True)


def print_problems(problems: Sequence[Problem], console: Console) -> None:
    """Every problem: file, line, JSON path, value, what is wrong, how to mend it."""
    for problem in problems:
        colour = "red" if problem.severity == "error" else "yellow"
        text = Text()
        text.append(problem.severity, style=f"bold {colour}")
        place = _place(problem)
        text.append(f" {place}" if place else "")
        if problem.path:
            text.append(f" {format_path(problem.path)}", style="bold")
        if problem.value is not MISSING:
            text.append(f" = {_short(problem.value)}")
        text.append(f"\n    {problem.message}")
        if problem.hint:
            text.append(f"\n    → {problem.hint}", style="cyan")
        console.print(text, soft_wrap=True)


def problems_json(problems: Sequence[Problem]) -> str:
    """The problems for a script."""
    return json.dumps(
        {
            "problems": [
                {
                    "severity": problem.severity,
                    "file": problem.file,
                    "line": problem.line,
                    "path": format_path(problem.path),
                    "value": None if problem.value is MISSING else problem.value,
                    "message": problem.message,
                    "hint": problem.hint,
                }
                for problem in problems
            ]
        },
        indent=2,
        ensure_ascii=False,
        default=str,
    )


def print_json(value: Any) -> None:
    """Strict JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _place(problem: Problem) -> str:
    if not problem.file:
        return ""
    file = Path(problem.file)
    try:
        shown = file.relative_to(Path.cwd())
    except ValueError:
        shown = file
    return f"{shown}:{problem.line}" if problem.line else str(shown)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, str) and len(text) < 60:
        text = json.dumps(text, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}…"
