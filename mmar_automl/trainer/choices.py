"""Which of several components is meant: one of a list of alternatives, the target of a `ref`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmar_automl.errors import JsonPath, format_path
from mmar_automl.trainer import names
from mmar_automl.trainer.scopes import Findings, Scopes, is_component, is_model_file, names_of

EXACTLY_ONE = "exactly one must be"
"""How the message about alternatives ends."""
Placed = tuple[dict[str, Any], JsonPath]
"""A component and its place in the file."""


def alternative(
    scopes: Scopes, findings: Findings, values: list[Any], path: JsonPath
) -> Placed | None:
    """The one enabled element of a list of alternatives; anything else is a problem."""
    on = [i for i, v in enumerate(values) if (is_component(v) or is_model_file(v))
          and scopes.is_enabled(v, (*path, i))]  # fmt: skip
    if len(on) != 1:
        listed = ", ".join((*names_of(values[i]), f"[{i}]")[0] for i in on)
        what = f"{len(on)} of its alternatives are enabled ({listed})"
        what = what if on else "none of its alternatives is enabled"
        hint = 'write "disabled": true into the others, or let a search choose'
        findings.wrong(path, f"{what}; {EXACTLY_ONE}", hint=hint)
    return (values[on[0]], (*path, on[0])) if on else None


def referred(
    scopes: Scopes, findings: Findings, name: str, items: list[Any], index: int, path: JsonPath
) -> Placed | None:
    """The component of the train section that a `ref` in the section `name` means.

    Names may repeat: the first `ref` of a name means its first bearer, and so on.
    """
    ref = str(items[index]["ref"])
    train = scopes.sections.get("train", {})
    lists = [name, *(n for n in train if n.endswith("transforms") and n != name)]
    every = {section: list(_components(scopes, section)) for section in lists}
    for section in lists:
        bearers = [pair for pair in every[section] if ref in names_of(pair[0])]
        if not bearers:
            continue
        asked = [i for i, it in enumerate(items) if isinstance(it, dict) and it.get("ref") == ref]
        if len(asked) == len(bearers):
            return bearers[asked.index(index)]
        enabled = [pair for pair in bearers if scopes.is_enabled(*pair)]
        if len(asked) == 1 and len(enabled) <= 1:
            return (enabled or bearers)[0]
        where = format_path(scopes.path("train", section))
        message = f"{ref!r} stands {len(bearers)} times in {where}"
        hint = f'name one "{ref}#some_id" there and refer to "some_id"'
        findings.wrong((*path, "ref"), message, ref, hint)
        return None
    known = [n for pairs in every.values() for pair in pairs for n in names_of(pair[0])]
    near = names.nearest(ref, known)
    hint = f"did you mean {near[0]!r}?" if near else ""
    findings.wrong((*path, "ref"), f"nothing in train is named {ref!r}", ref, hint)
    return None


def _components(scopes: Scopes, section: str) -> Iterator[Placed]:
    path = scopes.path("train", section) if "train" in scopes.sections else ()
    for index, item in enumerate(scopes.sections.get("train", {}).get(section) or []):
        if is_component(item):
            yield item, (*path, index)
