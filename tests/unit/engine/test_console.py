"""The admin console's server: whom it lets in, and that no client can harm it."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.engine import console
from mmar_automl.engine.console import Console, Refused


def echo(words: Sequence[str]) -> str:
    if words == ["no"]:
        raise Refused("not that", "something else")
    if words == ["defect"]:
        raise RuntimeError("a defect")
    return " ".join(words)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "console.json"


@pytest.fixture
def served(place: Path) -> Iterator[dict[str, Any]]:
    """Where a console with a port listens."""
    open_console = Console(place, echo, listening=socket.create_server(("127.0.0.1", 0)))
    yield json.loads(place.read_text())
    open_console.close()


def connect(where: dict[str, Any]) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(where["socket"])
    return client


def say(client: socket.socket, line: bytes) -> dict[str, Any]:
    """Send bytes, read one line."""
    client.sendall(line)
    with client.makefile("rb") as lines:
        answer: dict[str, Any] = json.loads(lines.readline())
    return answer


def ask(where: dict[str, Any], *words: str) -> dict[str, Any]:
    with connect(where) as client:
        return say(client, json.dumps({"words": words}).encode() + b"\n")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_only_its_user_can_open_it(served: dict[str, Any], place: Path) -> None:
    """Folder 0700, socket and the file with the token 0600, whatever the umask."""
    path = Path(served["socket"])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_words_go_in_and_text_comes_out(served: dict[str, Any]) -> None:
    """A refusal and a defect are answers, too."""
    assert ask(served, "a", "b ü") == {"ok": True, "text": "a b ü"}
    assert ask(served, "no") == {"ok": False, "error": "not that", "hint": "something else"}
    assert "RuntimeError: a defect" in ask(served, "defect")["error"]
    with connect(served) as client:
        assert say(client, b'{"words": ["one"]}\n')["text"] == "one"
        assert say(client, b'{"words": ["two"]}\n')["text"] == "two"


@pytest.mark.parametrize(
    "line",
    [
        b"list_workers\n",
        b"\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b"null\n",
        b'{"words": "stop"}\n',
        b'{"words": [1]}\n',
        b"[" * 4000 + b"\n",
        b"x" * 5000 + b"\n",
        b"GET / HTTP/1.1\r\n",
    ],
    ids=lambda line: repr(line[:18]),
)
def test_garbage_is_refused(served: dict[str, Any], line: bytes) -> None:
    """And the next client is served."""
    with connect(served) as client:
        assert say(client, line)["ok"] is False
    assert ask(served, "on")["text"] == "on"


def test_a_half_line_of_a_client_that_leaves_is_no_command(place: Path) -> None:
    """Its line end may have been lost with the rest of it."""
    heard: list[Sequence[str]] = []
    open_console = Console(place, lambda words: heard.append(words) or "")  # type: ignore[func-returns-value]
    try:
        where = json.loads(place.read_text())
        with connect(where) as client:
            client.sendall(b'{"words": ["stop"]}')
        with connect(where) as client:
            client.sendall(b'{"words": ["stop"')
        ask(where, "after")
        assert heard == [["after"]]
    finally:
        open_console.close()


def test_silent_clients_keep_nobody_out(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than there is room for is told so, and there is room again once they leave."""
    silent = [connect(served) for _ in range(console.MOST)]
    try:
        with connect(served) as client, client.makefile("rb") as lines:
            assert "too many clients" in json.loads(lines.readline())["error"]
    finally:
        for client in silent:
            client.close()
    wait_for(lambda: ask(served, "on").get("text") == "on")


def test_a_client_that_stalls_is_left(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without a line, the connection is closed."""
    monkeypatch.setattr(console, "IDLE", 0.2)
    open_console = Console(place, echo)
    try:
        with connect(json.loads(place.read_text())) as client:
            client.sendall(b'{"words"')
            assert client.recv(100) == b""
    finally:
        open_console.close()


def test_several_clients_are_served_while_one_waits(place: Path) -> None:
    """A command that takes long holds up nobody else."""
    go = threading.Event()

    def answer(words: Sequence[str]) -> str:
        if words == ["slow"]:
            go.wait(10)
        return "done"

    open_console = Console(place, answer)
    try:
        where = json.loads(place.read_text())
        with connect(where) as slow:
            slow.sendall(b'{"words": ["slow"]}\n')
            assert [ask(where, "quick")["text"] for _ in range(5)] == ["done"] * 5
            go.set()
            assert slow.recv(100)
    finally:
        open_console.close()


@pytest.mark.parametrize("token", [None, "", "wrong", "é", "\ud800", 1, ["a"]])
def test_a_port_is_for_those_with_the_token(served: dict[str, Any], token: Any) -> None:
    """It listens on the loopback only; without the token not even garbage is discussed."""
    for line in ({"words": ["stop"], "token": token}, {"token": token}):
        with socket.create_connection(("127.0.0.1", served["port"]), timeout=10) as client:
            answer = say(client, json.dumps(line).encode() + b"\n")
            assert answer["ok"] is False
            assert "token" in answer["error"]
            assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", served["port"]), timeout=10) as client:
        request = {"words": ["on"], "token": served["token"]}
        assert say(client, json.dumps(request).encode() + b"\n")["text"] == "on"


def test_nothing_is_left_of_it(place: Path) -> None:
    """Neither folder nor file nor thread."""
    before = threading.active_count()
    open_console = Console(place, echo)
    folder = Path(json.loads(place.read_text())["socket"]).parent
    open_console.close()
    assert not folder.exists()
    assert not place.exists()
    assert threading.active_count() == before


def test_a_stale_one_is_replaced(place: Path, tmp_path: Path) -> None:
    """Its socket is removed with it; what only claims to be one is left alone."""
    old = Console(place, echo)
    stale = place.read_text()
    old.close()
    path = Path(json.loads(stale)["socket"])
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    place.write_text(stale)
    Console(place, echo).close()
    assert not path.parent.exists()
    precious = tmp_path / "mmar-automl-x" / "console"
    precious.parent.mkdir()
    precious.write_text("no socket")
    for text in (json.dumps({"socket": str(precious)}), '{"socket": 1}', "[]", "{", ""):
        place.write_text(text)
        Console(place, echo).close()
    assert precious.read_text() == "no socket"


def test_a_long_temporary_folder_is_gone_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's path has 104 bytes at most, in UTF-8."""
    long = tmp_path / ("ö" * 50)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert console.short_folder() == "/tmp"
    short = Path("/tmp") / f"short-{os.getpid()}"
    short.mkdir()
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
        assert console.short_folder() == str(short)
    finally:
        short.rmdir()
