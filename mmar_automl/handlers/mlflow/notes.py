"""What the handler hands to the writing thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Note:
    """A run to open, with what is known of it at its start."""

    key: str
    """The job's name; empty for the search itself."""
    name: str
    time: float
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    past: bool = False
    """Of a job that ended before the search was resumed: written only if it is not there yet."""


@dataclass(frozen=True)
class Closing:
    """A run to close. `steps` are (name, value, step, time in seconds since the epoch)."""

    key: str
    status: str
    time: float
    steps: tuple[tuple[str, float, int, float], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    past: bool = False
    """Of a job that ended before the search was resumed: written only if it is not there yet."""
