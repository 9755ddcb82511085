"""`mmar-automl admin ROOT [RUN] [COMMAND …]`"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import err, say, warn
from mmar_automl.errors import BadInput, EnvironmentFault

PROMPT = "AutoML> "
_EXAMPLES = (
    "Examples:  mmar-automl admin sample_mmar list_workers  ·  "
    "mmar-automl admin sample_mmar run_b suspend_worker W2  ·  mmar-automl admin sample_mmar  ·  "
    "mmar-automl admin sample_mmar help"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("admin", epilog=_EXAMPLES)(admin)


def admin(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [COMMAND ...]",
            help="Which search, the latest by default, and a command; without one, a prompt.",
            show_default=False,
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option(help="Which search, should it be called like a command.", show_default=False),
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="What stands before a command.", hidden=True)
    ] = PROMPT,
) -> None:
    """Clara's admin console: steer a search while it runs.

    Commands: list_workers, show_worker W1, suspend_worker W1, resume_worker W1, abort_worker W1,
    summary, stop, lpwd, help, bye. Without a terminal the commands are read from standard input,
    a line each. Exit status 2: a command was refused. 4: no search runs that could be asked.
    """
    from mmar_automl.app.console import ask
    from mmar_automl.engine.admin import COMMANDS
    from mmar_automl.engine.console import Refused

    command = list(words or ())
    if run_id is None and command and command[0] not in COMMANDS and command[0][0:1] != "?":
        run_id = _run(root, command.pop(0))
    if command == ["bye"]:
        return
    if command:
        try:
            say(_answer(root, run_id, command))
        except Refused as refused:
            raise BadInput(str(refused), refused.hint) from refused
        return
    if sys.stdin.isatty():
        say(ask(root, run_id, ["list_workers"]))
        say("help lists the commands, bye leaves")
        _complete(list(COMMANDS))
    refusals = 0
    for line in _lines(prompt):
        try:
            typed = shlex.split(line)
        except ValueError:
            typed = line.split()
        if not typed:
            continue
        if typed[0] == "bye":
            break
        try:
            say(_answer(root, run_id, typed))
        except Refused as refused:
            refusals += 1
            warn(str(refused))
            if refused.hint:
                err.print(f"    → {refused.hint}", style="cyan", markup=False, soft_wrap=True)
            continue
        if typed[0] == "stop":
            break
    if refusals and not sys.stdin.isatty():
        raise BadInput(f"{refusals} command{'s were' if refusals > 1 else ' was'} refused")


def _run(root: Path, word: str) -> str:
    """The first word as a run id; raises `BadInput` if it is neither that nor a command."""
    from mmar_automl.app.results import find_runs
    from mmar_automl.engine.admin import COMMANDS, nearest

    ids = [run.root.name for run in find_runs(root)[1]]
    if word in ids:
        return word
    close = nearest(word, [*COMMANDS, *ids])
    raise BadInput(f"{word!r} is neither a run nor a command", close or "help lists the commands")


def _answer(root: Path, run_id: str | None, words: Sequence[str]) -> str:
    """Help from here, the rest from the search. Raises `Refused`, `EnvironmentFault`."""
    from mmar_automl.app.console import ask
    from mmar_automl.engine.admin import COMMANDS, check_command, help_text
    from mmar_automl.engine.console import Refused

    try:
        name, rest = check_command(words)
    except Refused:
        if words[0] in COMMANDS:
            raise
        # A plug-in's own, if a search runs that has it.
        try:
            return ask(root, run_id, words)
        except EnvironmentFault:
            pass
        raise
    if name == "lpwd":
        return os.getcwd()
    if name == "help":
        with contextlib.suppress(EnvironmentFault, BadInput):
            return ask(root, run_id, [name, *rest])
        return help_text(rest)
    return ask(root, run_id, [name, *rest])


def _lines(prompt: str) -> Iterator[str]:
    """What is typed, a line at a time, until the end of the input; Ctrl-C forgets the line."""
    if not sys.stdin.isatty():
        # Not from the file itself: leaving the loop would close it.
        yield from iter(sys.stdin.readline, "")
        return
    while True:
        try:
            yield input(prompt)
        except EOFError:
            say("")
            return
        except KeyboardInterrupt:
            say("")


def _complete(names: Sequence[str]) -> None:
    """History, editing and the tab key, where Python was built with readline."""
    with contextlib.suppress(ImportError):
        import readline

        def complete(text: str, state: int) -> str | None:
            found = [name for name in names if name.startswith(text)]
            return found[state] if state < len(found) else None

        readline.set_completer(complete)
        readline.parse_and_bind("tab: complete")
