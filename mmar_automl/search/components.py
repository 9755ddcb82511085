"""Where the components of a training config stand.

A component is an object with a `name`, a `path`, a `ref` or `args`; the `args` themselves are
none, though one of them may be called `name`. Keys that begin with an underscore are comments
(`__search`), and nothing under them counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import Arg
from mmar_automl.errors import MISSING, JsonPath

ALTERNATIVES = ("model", "loss", "optimizer", "lr_scheduler", "lr_policy")
"""What may be a list of which exactly one element is enabled."""

_NAMING = ("name", "path", "ref", "ts_path", "ckpt_path")
RESERVED = frozenset({"search", "lr_search", "apply", "train", "validate", "$schema"})
"""First-level keys that are never a parameter."""


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
    taken: set[str] = set()
    last: dict[str, int] = {}
    for path, body in _walk(config, ()):
        word = _class_name(body) or str(path[-1])
        name, number = word, last.get(word, 1)
        # `RandFlipd#2` is a name of its own, and the second RandFlipd must not take it.
        while name in taken:
            number += 1
            name = f"{word}-{number}"
        last[word] = number
        taken.add(name)
        found.append(Component(path, body, name))
    return found


def is_section(value: Any) -> bool:
    """Whether a first-level value holds components or settings, instead of being one value."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
    )


def first_level_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """What stands at first level and is a value, not a section or a comment."""
    return {
        key: value
        for key, value in config.items()
        if not is_comment(key) and key not in RESERVED and not is_section(value)
    }


def standing_value(arg: Arg, body: Mapping[str, Any], in_component: bool) -> Any:
    """What stands in the config for an arg of a component (or at first level), or MISSING."""
    if arg.attribute:
        return body.get(arg.name, False)
    place = body.get("args", {}) if in_component else body
    return place.get(arg.name, MISSING) if isinstance(place, Mapping) else MISSING


def at(config: Any, path: JsonPath) -> Any:
    """The value at a JSON path; raises `KeyError` or `IndexError` if there is none."""
    for step in path:
        config = config[step]
    return config


def _walk(
    node: Any, path: JsonPath, is_args: bool = False
) -> Iterator[tuple[JsonPath, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        component = bool(path) and not is_args and _is_component(node)
        if component:
            yield path, node
        for key, child in node.items():
            if not is_comment(key) and key not in ("search", "apply"):
                yield from _walk(child, (*path, key), component and key == "args")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _walk(child, (*path, index))


def _is_component(node: Mapping[str, Any]) -> bool:
    named = any(isinstance(node.get(key), str) for key in _NAMING)
    return named or isinstance(node.get("args"), Mapping)


def _class_name(body: Mapping[str, Any]) -> str:
    """The class of a component, with the id of `Name#id` as a word: `Name-id`."""
    path, name, ref = body.get("path"), body.get("name"), body.get("ref")
    if isinstance(path, str) and path:
        return path.rpartition(".")[2]
    if isinstance(name, str):
        return name.replace("#", "-")
    return f"ref-{ref}" if isinstance(ref, str) else ""
