"""Config + SearchResult → concrete config: the inverse of `parse`. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmar_automl.defs import Arg, Json, SearchResult
from mmar_automl.errors import MISSING
from mmar_automl.search.components import (
    at,
    find_components,
    first_level_values,
    standing_value,
)
from mmar_automl.search.links import read_applies
from mmar_automl.search.targets import as_disabled

SEARCH_KEYS = ("search", "apply")


def apply(
    config: Mapping[str, Any], result: SearchResult, *, remove_search: bool = True
) -> dict[str, Any]:
    """A new config with the active values of `result` written in and every `apply` carried out.

    An inactive parameter, or one that `result` leaves out, keeps what stands in the config; what
    applies its alias follows that standing value, if there is one. `remove_search` takes the
    search sections out (Clara's `remove_search_augs`).
    """
    concrete = copy.deepcopy(dict(config))
    published: dict[str, Json] = first_level_values(concrete)
    values = result.space.effective(result.values)
    for parameter in result.space:
        body = at(concrete, parameter.component)
        chosen: list[Any] = [
            standing_value(arg, body, bool(parameter.component)) for arg in parameter.args
        ]
        if parameter.key in values:
            chosen = [copy.deepcopy(value) for value in parameter.values(values[parameter.key])]
            for arg, value in zip(parameter.args, chosen, strict=True):
                _assign(body, arg, value, in_component=bool(parameter.component))
        for arg, value in zip(parameter.args, chosen, strict=True):
            names = [arg.alias] if parameter.component else [arg.name, arg.alias]
            if value is not MISSING:
                published.update({name: value for name in names if name is not None})
    components = find_components(concrete)
    for item in read_applies(components):
        if item.alias in published:
            body = at(concrete, item.component)
            _assign(body, item.arg, copy.deepcopy(published[item.alias]), in_component=True)
    if remove_search:
        _remove_search(concrete)
    return concrete


def without_search(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config without its search sections, all values as they stand."""
    bare = copy.deepcopy(dict(config))
    _remove_search(bare)
    return bare


def _remove_search(config: dict[str, Any]) -> None:
    for path in ((), *(component.path for component in find_components(config))):
        body = at(config, path)
        for key in SEARCH_KEYS:
            body.pop(key, None)
    config.pop("lr_search", None)


def _assign(body: dict[str, Any], arg: Arg, value: Json, *, in_component: bool) -> None:
    if arg.attribute:
        # Component builders test `is True`, and Clara's own examples search 0.0 and 1.0.
        switch = as_disabled(value)
        body[arg.name] = value if switch is None else switch
    elif in_component:
        if not isinstance(body.get("args"), dict):
            body["args"] = {}
        body["args"][arg.name] = value
    else:
        body[arg.name] = value
