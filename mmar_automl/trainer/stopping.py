"""A signal ends a training: save what there is, then be gone, with 128 + its number."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def saving_on_signal(save: Callable[[], None]) -> Iterator[None]:
    """While it lasts, SIGTERM and SIGINT call `save` and end the process.

    The process does not unwind: a person's or a library's code must not be able to hold it up,
    and the search kills it after a grace. For the main thread of a program of its own.
    """
    owner = os.getpid()

    def stop(number: int, _: FrameType | None) -> None:
        if os.getpid() != owner:
            # A loader's process inherits this handler, and has nothing to save.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        try:
            save()
            for child in multiprocessing.active_children():
                child.terminate()
        finally:
            os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
