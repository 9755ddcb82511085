"""One component of a Clara config, checked against the component that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmar_automl.errors import MISSING, JsonPath, Problem
from mmar_automl.trainer import catalog, names

KEYS = (
    "name",
    "path",
    "args",
    "disabled",
    "rank",
    "log_label",
    "is_key_metric",
    "data_list_file_path",
    "data_file_base_dir",
    "data_list_key",
    "search",
    "apply",
    "ref",
)
"""Every key that a component may have beside those that begin with `_`."""


@dataclass(frozen=True, kw_only=True)
class ReadComponent:
    """A component in today's words; `target` is None where there is no such component."""

    target: str | None = None
    signature: names.Signature | None = None
    args: dict[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class ComponentReader:
    """Reads components; `folders` hold the MMAR's own Python."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def read(self, item: dict[str, Any], args: dict[str, Any], path: JsonPath) -> ReadComponent:
        """Find a component, bring its `args` up to date and check their names.

        Whether every required argument is there only the caller knows, who adds the implied.
        """
        problems: list[Problem] = []
        notices: list[str] = []
        for key in item:
            if key not in KEYS and not key.startswith("_"):
                self._odd_key(key, item[key], path, problems)
        if isinstance(item.get("path"), str):
            dotted = item["path"].partition("#")[0]
            found = names.find_path(dotted, self._folders)
            if found is None:
                problems.append(self._no_path(dotted, (*path, "path")))
        else:
            name = item["name"].partition("#")[0]
            modern = catalog.modernise(name, args, _accepted)
            args = modern.args
            notices.extend(modern.changes)
            found = names.find(modern.name)
            if found is None:
                problems.append(_no_name(name, (*path, "name")))
        if found is None:
            return ReadComponent(problems=tuple(problems), notices=tuple(notices))
        problems.extend(_unknown_arguments(found, args, path))
        return ReadComponent(
            target=found.target,
            signature=found.signature,
            args=args,
            notices=tuple(notices),
            problems=tuple(problems),
        )

    def _no_path(self, dotted: str, path: JsonPath) -> Problem:
        folders = " or ".join(f"{folder.name}/" for folder in self._folders)
        return Problem(
            severity="error",
            message="there is no such class or function",
            path=path,
            value=dotted,
            hint=f"the MMAR's own Python lies in {folders}" if folders else "",
        )

    @staticmethod
    def _odd_key(key: str, value: Any, path: JsonPath, problems: list[Problem]) -> None:
        near = names.nearest(key, KEYS)
        problems.append(
            Problem(
                severity="error" if near else "warning",
                message="a component has no such key",
                path=(*path, key),
                value=value,
                hint=f"did you mean {near[0]!r}?"
                if near
                else "it is ignored; arguments go to args",
            )
        )


def _accepted(name: str) -> tuple[str, ...] | None:
    found = names.find(name)
    return None if found is None or found.signature is None else found.signature.names


def _no_name(name: str, path: JsonPath) -> Problem:
    instead = catalog.REMOVED.get(catalog.canonical(name))
    near = names.suggest(name)
    hint = instead or (f"did you mean {' or '.join(near)}?" if near else "")
    if not hint:
        hint = 'a component of your own is given by "path": "module.Class"'
    return Problem(
        severity="error",
        message="gone from MONAI" if instead else "no component of MONAI, torch or ignite",
        path=path,
        value=name,
        hint=hint,
    )


def _unknown_arguments(
    found: names.Component, args: dict[str, Any], path: JsonPath
) -> list[Problem]:
    signature = found.signature
    if signature is None:
        return []
    name = found.target.rpartition(".")[2]
    swallows = signature.open and catalog.canonical(name) not in catalog.SWALLOWS
    problems = []
    for argument in args:
        if argument in signature.names:
            continue
        near = names.nearest(argument, signature.names)
        if swallows and not near:
            # It hands on what it does not know, and only what receives that can tell.
            continue
        problems.append(
            Problem(
                severity="warning" if swallows else "error",
                message=f"{name} has no argument {argument!r}"
                + (" and hands it on to another" if swallows else ""),
                path=(*path, "args", argument),
                value=args.get(argument, MISSING),
                hint=f"did you mean {near[0]!r}?"
                if near
                else f"it takes {', '.join(signature.names)}",
            )
        )
    return problems
