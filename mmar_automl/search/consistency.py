"""What only shows when the entries are seen together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmar_automl.defs import NEVER, SearchSpace, keys_of
from mmar_automl.search.aliases import check_applies, check_definitions
from mmar_automl.search.alternatives import Combinations, check_alternatives
from mmar_automl.search.components import Component
from mmar_automl.search.findings import Findings
from mmar_automl.search.links import Links
from mmar_automl.search.references import check_references


def check_consistency(
    config: Mapping[str, Any],
    components: Sequence[Component],
    space: SearchSpace,
    links: Links,
    findings: Findings,
    *,
    clara_sections: bool,
) -> None:
    """Report whatever is wrong between entries that are each right on their own."""
    check_definitions(config, space, links, findings, clara_sections=clara_sections)
    check_applies(components, space, links, findings)
    _check_without_effect(space, findings)
    if _check_when_circles(space, findings):
        return
    combinations = Combinations(space)
    check_alternatives(config, space, links, combinations, findings, always=clara_sections)
    check_references(config, components, space, links, combinations, findings)


def _check_when_circles(space: SearchSpace, findings: Findings) -> bool:
    """A parameter must not wait for itself; only a `when` can close such a circle."""
    parents = {parameter.key: keys_of(parameter.active) for parameter in space}
    # Whoever waits for nobody is taken out, again and again; circles and what hangs on them stay.
    children: dict[str, list[str]] = {key: [] for key in parents}
    for key, asked in parents.items():
        for parent in asked:
            children[parent].append(key)
    waiting = {key: len(asked) for key, asked in parents.items()}
    free = [key for key, number in waiting.items() if not number]
    while free:
        for child in children[free.pop()]:
            waiting[child] -= 1
            if not waiting[child]:
                free.append(child)
    left = {key for key, number in waiting.items() if number}
    for parameter in space:
        if parameter.key in left and parameter.when:
            findings.error(
                (*parameter.source, "when"),
                dict(parameter.when),
                f"{parameter.names[0]} waits for itself, through "
                + ", ".join(space[key].names[0] for key in left & parents[parameter.key]),
                "delete one of the conditions of the circle",
            )
    return bool(left)


def _check_without_effect(space: SearchSpace, findings: Findings) -> None:
    for parameter in space:
        if parameter.active == NEVER:
            findings.warning(
                parameter.source,
                parameter.names[0],
                f"{parameter.names[0]} has no effect: its component is disabled and nothing "
                "enables it",
                "search or apply @disabled of the component, too, or delete the entry",
            )
