"""The admin console's server: words in, text out, over a socket that only the search's user opens.

A request is a line of JSON, `{"words": ["show_worker", "W1"]}`, with `"token"` over TCP; the answer
is one, too: `{"ok": true, "text": …}` or `{"ok": false, "error": …, "hint": …}`. The server has
threads of its own, so that no client, however odd, can hold up the search.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import select
import selectors
import shutil
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LONGEST = 4096
"""Bytes of a request; no command comes near."""
MOST = 16
"""Clients at a time, on each socket."""
IDLE = 60.0
"""Seconds after which a client that neither writes nor reads is left."""
_FOLDER = "mmar-automl-"
_SOCKET = "console"
_PATH_LIMIT = 104
"""Bytes of a unix socket's path: 108 on Linux, 104 elsewhere."""


class Refused(Exception):
    """A command that cannot be done, in words for the person who gave it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Console:
    """Serves `answer(words)` until it is closed; `file` (in the run's folder) tells where.

    `listening` is a bound TCP socket to serve as well, for those who send the token in `file`.
    `answer` may raise `Refused`. Raises `OSError` if no socket can be made.
    """

    def __init__(
        self,
        file: Path,
        answer: Callable[[Sequence[str]], str],
        *,
        listening: socket.socket | None = None,
    ) -> None:
        self._file = file
        self._answer = answer
        self._token = secrets.token_urlsafe(24)
        self._sockets: list[socket.socket] = [] if listening is None else [listening]
        self._wake, self._woken = socket.socketpair()
        self._folder: Path | None = None
        remove_stale(file)
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=short_folder()))
            self._listen(self._folder / _SOCKET)
            self._publish(self._folder / _SOCKET, listening)
        except BaseException:
            self._tidy()
            raise
        self._thread = threading.Thread(target=self._serve, name="console", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more commands; the socket and the file are gone afterwards."""
        with contextlib.suppress(OSError):
            self._wake.send(b"x")
        self._thread.join()
        self._tidy()

    def _listen(self, path: Path) -> None:
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(unix)
        # Its folder is private already, from the first moment.
        unix.bind(str(path))
        path.chmod(0o600)
        unix.listen(MOST)

    def _publish(self, path: Path, listening: socket.socket | None) -> None:
        where: dict[str, Any] = {
            "socket": str(path),
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        if listening is not None:
            where.update(port=listening.getsockname()[1], token=self._token)
        # mkstemp's files are for their owner alone, and so stays what gets the name.
        descriptor, beside = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(where, file)
            os.replace(beside, self._file)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise

    def _tidy(self) -> None:
        for listening in (*self._sockets, self._wake, self._woken):
            listening.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._file.unlink()

    def _serve(self) -> None:
        """The console's thread: a thread for each client, until woken."""
        slots = {listening: threading.Semaphore(MOST) for listening in self._sockets}
        with selectors.DefaultSelector() as selector:
            for listening in self._sockets:
                listening.setblocking(False)
                selector.register(listening, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _events in selector.select():
                    if key.fileobj is self._woken:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    self._accept(key.fileobj, slots[key.fileobj])

    def _accept(self, listening: socket.socket, slots: threading.Semaphore) -> None:
        try:
            client, _address = listening.accept()
        except (BlockingIOError, ConnectionError):
            # It left before it was let in.
            return
        except OSError:
            # Too many open files: a pause, or this thread would spin until some are closed.
            with contextlib.suppress(OSError):
                select.select([self._woken], [], [], 0.5)
            return
        client.settimeout(IDLE)
        if not slots.acquire(blocking=False):
            with client, contextlib.suppress(OSError):
                client.sendall(_refusal("too many clients at a time", "try again"))
            return
        threading.Thread(
            target=self._attend,
            args=(client, slots, listening.family != socket.AF_UNIX),
            name="console client",
            daemon=True,
        ).start()

    def _attend(self, client: socket.socket, slots: threading.Semaphore, stranger: bool) -> None:
        """A client's thread: line after line, until it leaves, stalls or writes no lines."""
        try:
            with client, contextlib.suppress(OSError), client.makefile("rb") as lines:
                while line := lines.readline(LONGEST):
                    if not line.endswith(b"\n"):
                        if len(line) == LONGEST:
                            client.sendall(_refusal("that line is too long for a command"))
                        return
                    reply = self._reply(line, stranger)
                    client.sendall(reply or _refusal("the token in console.json is needed"))
                    if reply is None:
                        return
        finally:
            slots.release()

    def _reply(self, line: bytes, stranger: bool) -> bytes | None:
        """The answer to a line; None for somebody who may not ask."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        request = request if isinstance(request, dict) else {}
        if stranger:
            given = str(request.get("token")).encode("utf-8", "surrogatepass")
            if not hmac.compare_digest(given, self._token.encode()):
                return None
        words = request.get("words")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return _refusal("no request", 'a line such as {"words": ["list_workers"]} is one')
        try:
            return _line({"ok": True, "text": self._answer(words)})
        except Refused as refused:
            return _refusal(str(refused), refused.hint)
        except Exception as error:
            return _refusal(f"the console failed: {type(error).__name__}: {error}")


def short_folder() -> str:
    """Where a socket's path stays within its limit. Raises `OSError` if nowhere.

    The temporary folder comes first: a search goes on when its user logs out, and then
    XDG_RUNTIME_DIR is deleted.
    """
    rest = len(f"/{_FOLDER}12345678/{_SOCKET}") + 1
    for folder in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp"):
        short = len(os.fsencode(folder)) + rest <= _PATH_LIMIT
        if folder and short and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise OSError("no folder is short and writable enough for a socket: set TMPDIR=/tmp")


def remove_stale(file: Path) -> None:
    """Remove what a console that was killed left behind; the caller knows that none lives.

    A file in a folder that others may write is not believed: only a socket of our making, in a
    folder of our own, is removed.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        path = Path(json.loads(file.read_text(encoding="utf-8"))["socket"])
        folder = path.parent
        ours = folder.name.startswith(_FOLDER) and path.name == _SOCKET
        private = folder.lstat().st_uid == os.getuid() and stat.S_ISDIR(folder.lstat().st_mode)
        if ours and private and stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
            folder.rmdir()
    with contextlib.suppress(OSError):
        file.unlink()


def _refusal(error: str, hint: str = "") -> bytes:
    return _line({"ok": False, "error": error, "hint": hint})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
