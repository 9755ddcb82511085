"""What a search may write in a config, and what came out differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmar_automl.defs import Choices, Parameter, Value
from mmar_automl.errors import JsonPath
from mmar_automl.search.components import find_components
from mmar_automl.search.targets import as_disabled

Leaf = tuple[JsonPath, str]
"""A component (or first level, as an empty path) and what is written in it: an arg, `@disabled`."""


def looks(parameter: Parameter) -> list[Value]:
    """The values at which a parameter is looked at: every choice; ends and middle of a range."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return list(domain.values)
    middle = (domain.min + domain.max) / 2
    if parameter.type == "int":
        return [domain.min, round(middle), domain.max]
    return [float(domain.min), middle, float(domain.max)]


def is_column(parameter: Parameter, index: int, values: Sequence[Any]) -> bool:
    """Whether these are the values of one arg of a parameter, at each look."""
    olds = [parameter.values(value)[index] for value in looks(parameter)]
    return len(olds) == len(values) and all(
        same(old, new) or (isinstance(new, bool) and as_disabled(old) is new)
        for old, new in zip(olds, values, strict=True)
    )


def combinations(group: Sequence[Parameter]) -> Iterator[dict[str, Value]]:
    if not group:
        yield {}
        return
    for value in looks(group[0]):
        for rest in combinations(group[1:]):
            yield {group[0].key: value, **rest}


def leaves(config: Mapping[str, Any]) -> Iterator[tuple[Leaf, Any]]:
    for key, value in config.items():
        if key not in ("train", "validate", "search"):
            yield ((), key), value
    for component in find_components(config):
        if "ref" in component.body:
            continue
        for word in ("name", "path"):
            if word in component.body:
                yield (component.path, f"!{word}"), component.body[word]
        yield (component.path, "@disabled"), component.body.get("disabled", False)
        for name, value in component.body.get("args", {}).items():
            yield (component.path, name), value
        for name in ("data_list_file_path", "data_file_base_dir", "data_list_key"):
            if name in component.body:
                yield (component.path, f"!{name}"), component.body[name]


def columns(leaves: list[Leaf], rows: list[list[Any]]) -> list[list[Leaf]]:
    """The leaves that get the same value whatever is chosen, together."""
    columns: list[tuple[list[Any], list[Leaf]]] = []
    for index, leaf in enumerate(leaves):
        values = [row[index] for row in rows]
        for known, column in columns:
            if all(same(a, b) for a, b in zip(known, values, strict=True)):
                column.append(leaf)
                break
        else:
            columns.append((values, [leaf]))
    return [column for _, column in columns]


def same(one: Any, other: Any) -> bool:
    # `True == 1`, and a switch is no number.
    return type(one) is type(other) and bool(one == other)


def enabled(node: Any) -> Any:
    """A config without what is disabled, and without what a search has invented for itself."""
    if isinstance(node, dict):
        return {k: enabled(v) for k, v in node.items() if k != "disabled"}
    if isinstance(node, list):
        return [enabled(v) for v in node
                if not (isinstance(v, dict) and v.get("disabled") is True)]  # fmt: skip
    return node


def difference(one: Any, other: Any, path: JsonPath = ()) -> JsonPath | None:
    """Where two configs differ; first-level names that only `other` has do not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one if not path else {**one, **other}:
            if key not in one or key not in other:
                return (*path, key)
            found = difference(one[key], other[key], (*path, key))
            if found is not None:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            found = difference(a, b, (*path, index))
            if found is not None:
                return found
        return None
    return None if same(one, other) else path
