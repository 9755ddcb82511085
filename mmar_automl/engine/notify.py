"""Events to handlers: one call at a time, whatever a handler does."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context
from mmar_automl.errors import EnvironmentFault


class Notifier:
    """Calls every handler for an event. A handler that raises is told of once for each event
    and costs nobody anything; in `startup` it ends the search before any job."""

    def __init__(self, handlers: Sequence[Handler], report: Callable[[str], None]) -> None:
        self._handlers = list(handlers)
        self._report = report
        self._lock = threading.RLock()
        self._told: set[tuple[int, str]] = set()
        self.errors = 0

    def startup(self, ctx: Context) -> None:
        """Call `startup` in order; raises `EnvironmentFault` naming the handler that raised."""
        with self._lock:
            for handler in self._handlers:
                try:
                    handler.handle_event("startup", ctx)
                except (Exception, SystemExit) as error:
                    raise EnvironmentFault(
                        f"{type(handler).__name__} raised in startup: {said_where(error)}"
                    ) from error

    def emit(self, event: str, ctx: Context) -> None:
        """Call every handler for this event, in order (`shutdown`: in reverse)."""
        handlers = self._handlers if event != "shutdown" else self._handlers[::-1]
        with self._lock:
            for handler in handlers:
                try:
                    handler.handle_event(event, ctx)
                except (Exception, SystemExit) as error:
                    self.errors += 1
                    mark = (id(handler), event)
                    if mark not in self._told:
                        self._told.add(mark)
                        self._report(
                            f"{type(handler).__name__} raised in {event}: {said_where(error)}; "
                            "the search goes on"
                        )


def said_where(error: BaseException) -> str:
    """The error with the line where it arose: `TypeError: … (my_handler.py:12)`."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
