"""Where the components of a training config stand.

A component is an object with a `name`, a `path` or `args`. Keys that begin with an underscore are
comments (`__search`), and nothing under them counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmar_automl.errors import JsonPath

ALTERNATIVES = ("model", "loss", "optimizer", "lr_scheduler", "lr_policy")
"""What may be a list of which exactly one element is enabled."""


@dataclass(frozen=True)
class Component:
    """A component and its place. `name` is readable and unique in the config."""

    path: JsonPath
    body: Mapping[str, Any]
    name: str


def is_comment(key: str) -> bool:
    """Whether a key is commented out, as `__search` is."""
    return key.startswith("_")


def find_components(config: Mapping[str, Any]) -> list[Component]:
    """Every component, in document order, those inside other components included.

    A class that stands more than once gets a position word from the second on: `RandFlipd-2`.
    """
    found = []
    seen: Counter[str] = Counter()
    for path, body in _walk(config, ()):
        name = _class_name(body) or str(path[-1])
        seen[name] += 1
        found.append(Component(path, body, name if seen[name] == 1 else f"{name}-{seen[name]}"))
    return found


def at(config: Any, path: JsonPath) -> Any:
    """The value at a JSON path; raises `KeyError` or `IndexError` if there is none."""
    for step in path:
        config = config[step]
    return config


def _walk(node: Any, path: JsonPath) -> Iterator[tuple[JsonPath, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        if path and _is_component(node):
            yield path, node
        for key, child in node.items():
            if not is_comment(key) and key not in ("search", "apply"):
                yield from _walk(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _walk(child, (*path, index))


def _is_component(node: Mapping[str, Any]) -> bool:
    named = isinstance(node.get("name"), str) or isinstance(node.get("path"), str)
    return named or isinstance(node.get("args"), Mapping)


def _class_name(body: Mapping[str, Any]) -> str:
    """The class of a component, with the id of `Name#id` as a word: `Name-id`."""
    path, name = body.get("path"), body.get("name")
    if isinstance(path, str) and path:
        return path.rpartition(".")[2]
    return name.replace("#", "-") if isinstance(name, str) else ""
