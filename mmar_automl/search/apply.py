"""Config + SearchResult → concrete config: the inverse of `parse`. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmar_automl.defs import Arg, Json, SearchResult
from mmar_automl.errors import MISSING
from mmar_automl.search.components import at, find_components
from mmar_automl.search.entries import as_disabled
from mmar_automl.search.links import read_applies
from mmar_automl.search.parse import standing_value

SEARCH_KEYS = ("search", "apply")


def apply(
    config: Mapping[str, Any], result: SearchResult, *, remove_search: bool = True
) -> dict[str, Any]:
    """A new config with the active values of `result` written in and every `apply` carried out.

    An inactive parameter, or one that `result` leaves out, keeps what stands in the config, and
    so do the places that apply its alias. `remove_search` takes the search sections out (Clara's
    `remove_search_augs`).
    """
    concrete = copy.deepcopy(dict(config))
    published: dict[str, Json] = {
        key: value for key, value in concrete.items() if not isinstance(value, (dict, list))
    }
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
        for path in ((), *(component.path for component in components)):
            body = at(concrete, path)
            for key in SEARCH_KEYS:
                body.pop(key, None)
        concrete.pop("lr_search", None)
    return concrete


def _assign(body: dict[str, Any], arg: Arg, value: Json, *, in_component: bool) -> None:
    if arg.attribute:
        # Component builders test `is True`, and Clara's own examples search 0.0 and 1.0.
        body[arg.name] = bool(as_disabled(value))
    elif in_component:
        body.setdefault("args", {})[arg.name] = value
    else:
        body[arg.name] = value
