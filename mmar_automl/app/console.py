"""The admin console from both ends: served by a search, asked by `mmar-automl admin`."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmar_automl.app.bootstrap import Search
from mmar_automl.app.living import holder_of
from mmar_automl.app.results import Run, read_run
from mmar_automl.app.status import how_to_resume, in_words
from mmar_automl.defs import ContextKey
from mmar_automl.engine.admin import Admin
from mmar_automl.engine.console import Console, Refused
from mmar_automl.errors import EnvironmentFault
from mmar_automl.mmar.load import Mmar, component_args

_PATIENCE = 90.0
"""Seconds that an answer may take; the search itself gives up after a minute."""


def listen(port: int | None) -> socket.socket | None:
    """A socket on this machine's loopback for `--admin-port` (0: any free port).

    Raises `EnvironmentFault`, which a search should hear before it makes anything.
    """
    if port is None:
        return None
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise EnvironmentFault(f"--admin-port {port} cannot be had: {error.strerror}") from error


@contextlib.contextmanager
def serving(
    search: Search, listening: socket.socket | None, report: Callable[[str], None]
) -> Iterator[None]:
    """Serve the admin console meanwhile. A search goes on without one, with a notice."""
    mmar: Mmar = search.context.get_prop(ContextKey.MMAR)
    keep = component_args(mmar.automl_config.data, "handlers", "MMARHandler").get(
        "num_mmars_to_keep"
    )
    admin = Admin(search.engine, keep if isinstance(keep, int) else None, search.context)
    try:
        console = Console(search.run.console, admin.answer, listening=listening)
    except OSError as error:
        report(f"no admin console: {error.strerror or error}")
        yield
        return
    try:
        yield
    finally:
        console.close()


def ask(root: Path, run_id: str | None, words: Sequence[str]) -> str:
    """The answer of a run's search, the latest by default, to an admin command.

    Raises `Refused` with the search's own words, `EnvironmentFault` if there is none to talk to.
    """
    found = read_run(root, run_id)
    try:
        where = json.loads(found.run.console.read_text(encoding="utf-8"))
        with _connect(where) as search:
            request: dict[str, Any] = {"words": list(words)}
            if search.family != socket.AF_UNIX:
                request["token"] = where["token"]
            search.sendall(json.dumps(request).encode() + b"\n")
            with search.makefile("rb") as lines:
                answer = json.loads(lines.readline())
            ok, text = answer["ok"], answer["text"] if answer["ok"] else answer["error"]
    except PermissionError as error:
        raise EnvironmentFault(f"{found.run.root.name} is another user's search") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentFault(_why_silent(found, root)) from error
    if not ok:
        raise Refused(text, answer.get("hint", ""))
    return str(text)


def _connect(where: dict[str, Any]) -> socket.socket:
    """The search's unix socket; its port, if it has one and the socket cannot be reached."""
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unix.settimeout(_PATIENCE)
    try:
        unix.connect(where["socket"])
    except OSError:
        unix.close()
        if where.get("port") is None:
            raise
        return socket.create_connection(("127.0.0.1", where["port"]), timeout=_PATIENCE)
    except BaseException:
        unix.close()
        raise
    return unix


def _why_silent(found: Run, root: Path) -> str:
    """Why no search answers, and what to do about it."""
    run_id, who, ended = found.run.root.name, holder_of(found.run), found.journal.ended
    if who is not None and not who.here:
        return f"{run_id} runs on {who.host}: give the command there"
    if who is not None:
        stop = in_words("stop", root, run_id)
        return f"{run_id} runs, pid {who.pid}, but does not answer; {stop} ends it"
    if ended is not None:
        report = in_words("report", root, run_id)
        return f"{run_id} does not run, it has ended ({ended.state}): {report} tells what came out"
    return (
        f"{run_id} does not run, its search process is gone: "
        f"{how_to_resume(root, run_id)} goes on, {in_words('status', root, run_id)} tells more"
    )
