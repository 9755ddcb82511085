"""What a recommendation changes in a config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import Json
from mmar_automl.errors import MISSING, JsonPath
from mmar_automl.search.targets import strict_text


@dataclass(frozen=True)
class Change:
    """One value that differs; `before` or `after` is MISSING where there was or is none."""

    path: JsonPath
    before: Json
    after: Json


def changes(before: Any, after: Any, path: JsonPath = ()) -> Iterator[Change]:
    """Every place where two configs differ in value or type, in document order.

    A list is one value: people choose it as a whole.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (*before, *(key for key in after if key not in before)):
            here = before.get(key, MISSING)
            there = after.get(key, MISSING)
            yield from changes(here, there, (*path, key))
    elif _same_components(before, after):
        for index, (here, there) in enumerate(zip(before, after, strict=True)):
            yield from changes(here, there, (*path, index))
    elif before is MISSING or after is MISSING or strict_text(before) != strict_text(after):
        yield Change(path, before, after)


def _same_components(before: Any, after: Any) -> bool:
    """Whether two lists hold components, of which single values may differ."""
    return (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
        and all(isinstance(item, dict) for item in (*before, *after))
    )
