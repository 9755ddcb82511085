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


Step = tuple[str, float, int, float]
"""A metric: name, value, step, time in seconds since the epoch."""


@dataclass(frozen=True)
class Steps:
    """Metrics of a run that is open."""

    key: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Closing:
    """A run to close. `steps` may hold what was written before: nothing is written twice."""

    key: str
    status: str
    time: float
    steps: tuple[Step, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    figure: tuple[str, ...] = ()
    """The metrics that are drawn as `curves.png`."""
    past: bool = False
    """Of a job that ended before the search was resumed: written only if it is not there yet."""
