"""Commands of a plug-in's own on the admin console, in the words of Clara's `dlmed.hci.reg`."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class CommandSpec:
    """One command. `handler_func(conn, args)` answers it; `args[0]` is the command itself."""

    name: str
    description: str
    usage: str
    handler_func: Callable[[Reply, list[str]], Any]
    visible: bool = True
    confirm: Any = None


@dataclass
class CommandModuleSpec:
    """The commands of one module, under its name."""

    name: str
    cmd_specs: list[CommandSpec] = field(default_factory=list)


class CommandModule(abc.ABC):
    """What `ctx.add_command_module` takes."""

    @abc.abstractmethod
    def get_spec(self) -> CommandModuleSpec:
        """Which commands there are."""


class Table:
    """A table in an answer."""

    def __init__(self, headers: Sequence[str]) -> None:
        self.rows: list[list[str]] = [list(headers)]

    def add_row(self, row: Sequence[object]) -> None:
        """One more row, a cell for each header."""
        self.rows.append([str(cell) for cell in row])


class Reply:
    """Clara's `conn`: what a command answers, piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[str | Table] = []

    def append_string(self, data: object) -> None:
        """A line, or several."""
        self._pieces.append(str(data))

    append_success = append_string

    def append_error(self, data: object) -> None:
        """What went wrong."""
        self._pieces.append(f"Error: {data}")

    def append_table(self, headers: Sequence[str]) -> Table:
        """A table to be filled."""
        table = Table(headers)
        self._pieces.append(table)
        return table

    def text(self) -> str:
        """The answer as it is shown."""
        return "\n".join(
            piece if isinstance(piece, str) else _columns(piece.rows) for piece in self._pieces
        )


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=False)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )
