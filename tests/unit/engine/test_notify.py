"""Handlers are called one at a time, and none can harm another."""

from __future__ import annotations

import threading
import time

import pytest

from mmar_automl.api import Handler
from mmar_automl.defs import Context
from mmar_automl.engine.notify import Notifier
from mmar_automl.errors import EnvironmentFault


class Recorder(Handler):
    """Remembers what it was told."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        self.name, self.log = name, log

    def handle_event(self, event: str, ctx: Context) -> None:
        self.log.append((self.name, event))


class Raising(Handler):
    """Raises whenever it is called."""

    def handle_event(self, event: str, ctx: Context) -> None:
        raise TypeError("'float' object is not subscriptable")


def test_order_is_that_of_the_config_and_shutdown_is_reversed() -> None:
    """Call order = handler order; shutdown the other way round."""
    log: list[tuple[str, str]] = []
    notifier = Notifier([Recorder("a", log), Recorder("b", log)], print)
    notifier.startup(Context())
    notifier.emit("start_job", Context())
    notifier.emit("shutdown", Context())
    assert [name for name, _ in log] == ["a", "b", "a", "b", "b", "a"]


def test_an_error_is_told_once_for_each_event_and_counted_always() -> None:
    """The other handlers still hear of the event."""
    log: list[tuple[str, str]] = []
    told: list[str] = []
    notifier = Notifier([Raising(), Recorder("b", log)], told.append)
    for _ in range(3):
        notifier.emit("end_job", Context())
    notifier.emit("end_automl", Context())
    assert len(log) == 4
    assert notifier.errors == 4
    assert len(told) == 2
    assert told[0].startswith("Raising raised in end_job: TypeError: 'float' object")
    assert "test_notify.py:" in told[0]


def test_startup_may_refuse() -> None:
    """Named, as a fault of the environment."""
    with pytest.raises(EnvironmentFault, match="Raising raised in startup: TypeError"):
        Notifier([Raising()], print).startup(Context())


def test_calls_never_overlap() -> None:
    """Handlers need no locks of their own."""
    inside, most = 0, 0

    class Slow(Handler):
        def start_job(self, ctx: Context) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    notifier = Notifier([Slow()], print)
    threads = [
        threading.Thread(target=notifier.emit, args=("start_job", Context())) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
