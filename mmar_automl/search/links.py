"""Who sets what: aliases, `apply`, variables, and so which parameter is active when.

A parameter writes to its own args and, through its aliases, to every place that applies them; a
first-level one also reaches every `{name}` in the config. It is active as long as one of these
places stands in an enabled component. Clara knows one exception, kept here: an alias of a
disabled component is still applied elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import ALWAYS, NEVER, AllOf, AnyOf, Arg, Choices, Condition, Is, Json
from mmar_automl.errors import JsonPath
from mmar_automl.search.components import Component, is_comment
from mmar_automl.search.entries import Entry, as_disabled, strict_text

VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True)
class Source:
    """Where an alias gets its value: the arg at `position` of the parameter `key`."""

    key: str
    position: int


@dataclass(frozen=True)
class Applied:
    """One line of an `apply` section: `arg` of the component at `component` follows `alias`."""

    component: JsonPath
    arg: Arg
    alias: str
    source: JsonPath


@dataclass(frozen=True)
class Placed:
    """A search entry with its key in the space and the component that it stands in."""

    key: str
    entry: Entry
    component: JsonPath

    def aliases(self, position: int) -> Iterator[str]:
        """The names under which others may apply the arg at `position`."""
        arg = self.entry.args[position]
        if not self.component:
            yield arg.name
        if arg.alias is not None:
            yield arg.alias


def read_applies(components: Sequence[Component]) -> list[Applied]:
    """Every well-formed line of every `apply` section, in document order."""
    return [
        Applied(
            component.path,
            Arg(target.removeprefix("@"), attribute=target.startswith("@")),
            alias.removeprefix("@"),
            (*component.path, "apply", target),
        )
        for component in components
        if isinstance(component.body.get("apply"), Mapping)
        for target, alias in component.body["apply"].items()
        if isinstance(alias, str) and not is_comment(target)
    ]


class Links:
    """The links of one config, and the conditions that follow from them."""

    def __init__(
        self,
        config: Mapping[str, Any],
        components: Sequence[Component],
        placed: Sequence[Placed],
    ) -> None:
        self._config = config
        self._bodies = {component.path: component.body for component in components}
        self._placed = {item.key: item for item in placed}
        self.applies = read_applies(components)
        self.sources: dict[str, Source] = {}
        for item in placed:
            for position in range(len(item.entry.args)):
                for alias in item.aliases(position):
                    self.sources.setdefault(alias, Source(item.key, position))
        self._switches = self._find_switches(placed)
        self._uses = _variable_uses(config, self._bodies)

    def enabled(self, component: JsonPath) -> Condition:
        """When the component at this path, and every one around it, is enabled."""
        return _all_of(
            self._switched_on(component[:end])
            for end in range(1, len(component) + 1)
            if component[:end] in self._bodies
        )

    def uses_of_variable(self, name: str) -> list[tuple[JsonPath, bool]]:
        """Where `{name}` stands: the component, and whether in an attribute of it."""
        return self._uses.get(name, [])

    def active(self, item: Placed) -> Condition:
        """When a parameter has any effect, its `when` apart."""
        places: list[Condition] = []
        for position, arg in enumerate(item.entry.args):
            if item.component:
                places.append(self._alive(item.component, arg.attribute))
            else:
                places += [self._alive(*use) for use in self.uses_of_variable(arg.name)]
            aliases = set(item.aliases(position))
            places += [
                self._alive(applied.component, applied.arg.attribute)
                for applied in self.applies
                if applied.alias in aliases
            ]
        # A first-level value that no component asks for belongs to the training program itself.
        return _any_of(places) if places else ALWAYS

    def _alive(self, component: JsonPath, attribute: bool) -> Condition:
        """When a place counts: an attribute such as `@disabled` counts while its component is
        disabled, too."""
        return self.enabled(component[:-1] if attribute else component)

    def _find_switches(self, placed: Sequence[Placed]) -> dict[JsonPath, Source]:
        """Which parameter sets `disabled` of a component, by a search, an `apply` or a variable."""
        switches = {}
        for path, body in self._bodies.items():
            text = body.get("disabled")
            match = VARIABLE.fullmatch(text) if isinstance(text, str) else None
            source = self.sources.get(match[1]) if match else None
            if source is not None and not self._placed[source.key].component:
                switches[path] = source
        for applied in self.applies:
            if applied.arg == Arg("disabled", attribute=True) and applied.alias in self.sources:
                switches[applied.component] = self.sources[applied.alias]
        for item in placed:
            for position, arg in enumerate(item.entry.args):
                if arg.attribute and item.component:
                    switches[item.component] = Source(item.key, position)
        return switches

    def _switched_on(self, component: JsonPath) -> Condition:
        base = self._disabled_in_config(component)
        switch = self._switches.get(component)
        if switch is None:
            return NEVER if base else ALWAYS
        domain = self._placed[switch.key].entry.domain
        if not isinstance(domain, Choices):
            return ALWAYS
        on = frozenset(
            index
            for index, option in enumerate(domain.options)
            if not as_disabled(option[switch.position])
        )
        if len(on) == len(domain) and not base:
            return ALWAYS
        return Is(switch.key, on, otherwise=not base)

    def _disabled_in_config(self, component: JsonPath) -> bool:
        """What the base config says, by itself or by an `apply` of a value that is not searched."""
        value = self._bodies[component].get("disabled", False)
        for applied in self.applies:
            if applied.component == component and applied.arg.attribute:
                value = self._config.get(applied.alias, value)
        match = VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if match:
            value = self._config.get(match[1], False)
        return bool(as_disabled(value))


def accepts(domain: Any, position: int, values: Sequence[Json]) -> frozenset[int | float]:
    """The proposed values whose arg at `position` is, JSON-strictly, one of `values`."""
    if isinstance(domain, Choices):
        wanted = {strict_text(value) for value in values}
        return frozenset(
            index
            for index, option in enumerate(domain.options)
            if strict_text(option[position]) in wanted
        )
    return frozenset(
        value
        for value in values
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and domain.min <= value <= domain.max
    )


def _variable_uses(
    config: Mapping[str, Any], bodies: Mapping[JsonPath, Any]
) -> dict[str, list[tuple[JsonPath, bool]]]:
    uses: dict[str, list[tuple[JsonPath, bool]]] = {}

    def walk(node: Any, path: JsonPath, component: JsonPath) -> None:
        if path in bodies:
            component = path
        if isinstance(node, Mapping):
            for key, child in node.items():
                if not is_comment(key) and key not in ("search", "apply"):
                    walk(child, (*path, key), component)
        elif isinstance(node, list):
            for index, child in enumerate(node):
                walk(child, (*path, index), component)
        elif isinstance(node, str) and "{" in node:
            attribute = bool(component) and path == (*component, "disabled")
            for name in VARIABLE.findall(node):
                uses.setdefault(name, []).append((component, attribute))

    walk(config, (), ())
    return uses


def _all_of(parts: Iterator[Condition]) -> Condition:
    kept = [part for part in parts if part != ALWAYS]
    if NEVER in kept:
        return NEVER
    return kept[0] if len(kept) == 1 else AllOf(tuple(dict.fromkeys(kept)))


def _any_of(parts: Sequence[Condition]) -> Condition:
    if ALWAYS in parts:
        return ALWAYS
    kept = tuple(dict.fromkeys(part for part in parts if part != NEVER))
    return kept[0] if len(kept) == 1 else AnyOf(kept)


def both(first: Condition, second: Condition) -> Condition:
    """The condition that holds when both do."""
    return _all_of(iter((first, second)))
