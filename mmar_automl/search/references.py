"""`@name`: what an enabled component refers to must be enabled, too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmar_automl.defs import ALWAYS, NEVER, Condition, SearchSpace
from mmar_automl.errors import JsonPath, format_path
from mmar_automl.search.alternatives import Combinations, blame
from mmar_automl.search.components import Component, is_comment
from mmar_automl.search.findings import Findings
from mmar_automl.search.links import Links

_REFERENCE = re.compile(r"@([A-Za-z_]\w*)")


def check_references(
    config: Mapping[str, Any],
    components: Sequence[Component],
    space: SearchSpace,
    links: Links,
    combinations: Combinations,
    findings: Findings,
) -> None:
    """Report each `@name` in a component that stays enabled while a choice disables its target."""
    switched: dict[JsonPath, Condition] = {
        component.path: links.enabled(component.path)
        for component in components
        if len(component.path) == 2
        and component.path[0] in ("train", "validate")
        and links.is_decided(component.path)
    }
    switched = {
        path: condition for path, condition in switched.items() if condition not in (ALWAYS, NEVER)
    }
    if not switched:
        return
    paths = {component.path for component in components}
    for path, text in _strings(config, ()):
        for name in _REFERENCE.findall(text):
            target = _referred(name, path, switched, config)
            if target is None:
                continue
            user = next(
                path[:end] for end in range(len(path), -1, -1) if path[:end] in paths or not end
            )
            needed, used = switched[target], links.enabled(user) if user else ALWAYS
            for values in combinations.of([needed, used]) or ():
                if space.holds(used, values) and not space.holds(needed, values):
                    _, _, said = blame(space, values, path, [])
                    findings.error(
                        path,
                        text,
                        f"@{name} leads to {format_path(target)}, which {said} disables",
                        f"apply the same alias to @disabled of {format_path(user) or 'its user'}",
                    )
                    break


def _referred(
    name: str, path: JsonPath, switched: Mapping[JsonPath, Condition], config: Mapping[str, Any]
) -> JsonPath | None:
    """The switched section that `@name` means at `path`: its own section's, else train's."""
    section = path[0] if path and path[0] in ("train", "validate") else "train"
    own = config.get(str(section))
    if section == "validate" and not (isinstance(own, Mapping) and name in own):
        section = "train"
    elif section == "train" and name == "evaluator":
        section = "validate"
    target = (section, name)
    return target if target in switched else None


def _strings(node: Any, path: JsonPath) -> Iterator[tuple[JsonPath, str]]:
    if isinstance(node, Mapping):
        for key, child in node.items():
            if not is_comment(key) and key not in ("search", "apply"):
                yield from _strings(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _strings(child, (*path, index))
    elif isinstance(node, str) and "@" in node:
        yield path, node
