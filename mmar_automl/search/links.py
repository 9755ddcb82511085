"""Who sets what: aliases, `apply`, variables, and so which parameter is active when.

A parameter writes to its own args and, through its aliases, to every place that applies them; a
first-level one also reaches every `{name}` in the config. It is active as long as one of these
places stands in an enabled component: the alias of a disabled component is still applied
elsewhere. A parameter that is inactive keeps what stands in the config, and so does whatever
applies its alias: it follows the standing value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import (
    ALWAYS,
    NEVER,
    Arg,
    Choices,
    Condition,
    Domain,
    Is,
    Json,
    all_of,
    any_of,
)
from mmar_automl.errors import MISSING, JsonPath
from mmar_automl.search.components import (
    Component,
    first_level_values,
    is_comment,
    standing_value,
)
from mmar_automl.search.place import Placed, Placement
from mmar_automl.search.targets import as_disabled, strict_text

VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_DISABLED = Arg("disabled", attribute=True)


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
        placement: Placement,
    ) -> None:
        placed = placement.placed
        self._bodies = {component.path: component.body for component in components}
        self._placed = {item.key: item for item in placed}
        self.values = first_level_values(config)
        self.broken = placement.broken_aliases
        self.applies = read_applies(components)
        self.sources: dict[str, Source] = {}
        for item in placed:
            for position in range(len(item.entry.args)):
                for alias in item.aliases(position):
                    self.sources.setdefault(alias, Source(item.key, position))
        self._appliers: dict[str, list[Applied]] = {}
        self._switch_alias: dict[JsonPath, str] = {}
        self._undecided = set(placement.broken_switches)
        for applied in self.applies:
            self._appliers.setdefault(applied.alias, []).append(applied)
            if applied.arg == _DISABLED and self.knows(applied.alias):
                self._switch_alias[applied.component] = applied.alias
            elif applied.arg == _DISABLED:
                self._undecided.add(applied.component)
        self._uses = _variable_uses(config, self._bodies)
        self._switches = self._find_switches(placed)

    def enabled(self, component: JsonPath) -> Condition:
        """When the component at this path, and every one around it, is enabled."""
        return all_of(
            *(
                self._switched_on(component[:end])
                for end in range(1, len(component) + 1)
                if component[:end] in self._bodies
            )
        )

    def knows(self, alias: str) -> bool:
        """Whether something gives this alias a value: a search or the first level."""
        return alias in self.sources or alias in self.values

    def is_decided(self, component: JsonPath) -> bool:
        """Whether it can be said when this component is enabled: no variable from elsewhere and
        no entry with an error decides."""
        if component in self._undecided:
            return False
        return component in self._switches or as_disabled(self._standing(component)) is not None

    def is_searched(self, component: JsonPath) -> bool:
        """Whether a choice switches this component."""
        return component in self._switches

    def uses_of_variable(self, name: str) -> list[tuple[JsonPath, bool]]:
        """Where `{name}` stands: the component, and whether in an attribute of it."""
        return self._uses.get(name, [])

    def applied_value(self, item: Placed, position: int) -> Json:
        """What stands in the config wherever a first-level arg is applied: that is what the config
        says of one that it does not set itself. A boolean for one that only switches components.

        MISSING if it is applied nowhere, to different values, or asked for as a `{variable}`.
        """
        places = self._places(item, position)
        if not places or self.uses_of_variable(item.entry.args[position].name):
            return MISSING
        switch = self.is_switch(item, position)
        found = [self._applied(applied, switch) for applied in places]
        texts = {MISSING if value is MISSING else strict_text(value) for value in found}
        return found[0] if len(texts) == 1 else MISSING

    def is_switch(self, item: Placed, position: int) -> bool:
        """Whether an arg is applied to attributes of components alone."""
        return all(applied.arg.attribute for applied in self._places(item, position))

    def _places(self, item: Placed, position: int) -> list[Applied]:
        aliases = dict.fromkeys(item.aliases(position))
        return [applied for alias in aliases for applied in self._appliers.get(alias, [])]

    def _applied(self, applied: Applied, switch: bool) -> Json:
        value = standing_value(applied.arg, self._bodies[applied.component], True)
        match = VARIABLE.fullmatch(value) if isinstance(value, str) else None
        value = self.values.get(match[1], MISSING) if match else value
        if switch:
            disabled = as_disabled(value)
            return MISSING if disabled is None else disabled
        return MISSING if isinstance(value, str) and VARIABLE.search(value) else value

    def active(self, item: Placed) -> Condition:
        """When a parameter has any effect, its `when` apart."""
        places: list[Condition] = []
        for position, arg in enumerate(item.entry.args):
            if item.component:
                places.append(self._alive(item.component, arg.attribute))
            else:
                places += [self._alive(*use) for use in self.uses_of_variable(arg.name)]
            places += [
                self._alive(applied.component, applied.arg.attribute)
                for applied in self._places(item, position)
            ]
        # A first-level value that no component asks for belongs to the training program itself.
        return any_of(*places) if places else ALWAYS

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
        for path, alias in self._switch_alias.items():
            switches.pop(path, None)
            if alias in self.sources:
                switches[path] = self.sources[alias]
        for item in placed:
            for position, arg in enumerate(item.entry.args):
                if arg.attribute and item.component:
                    switches[item.component] = Source(item.key, position)
        return switches

    def _switched_on(self, component: JsonPath) -> Condition:
        base = bool(as_disabled(self._standing(component)))
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

    def _standing(self, component: JsonPath) -> Json:
        """What `disabled` is while no search decides: by the config, an `apply`, a variable."""
        if component not in self._bodies:
            return False
        value = self._bodies[component].get("disabled", False)
        alias = self._switch_alias.get(component)
        source = self.sources.get(alias) if alias is not None else None
        if source is not None:
            item = self._placed[source.key]
            body = self._bodies.get(item.component, self.values)
            standing = standing_value(item.entry.args[source.position], body, bool(item.component))
            value = value if standing is MISSING else standing
        elif alias is not None:
            value = self.values[alias]
        match = VARIABLE.fullmatch(value) if isinstance(value, str) else None
        return self.values.get(match[1], value) if match else value


def accepts(domain: Domain, position: int, values: Sequence[Json]) -> frozenset[int | float]:
    """The proposed values whose arg at `position` is, JSON-strictly, one of `values`."""
    if isinstance(domain, Choices):
        wanted = {strict_text(value) for value in values}
        return frozenset(
            index
            for index, option in enumerate(domain.options)
            if strict_text(option[position]) in wanted
        )
    return frozenset(
        value for value in values if isinstance(value, (int, float)) and value in domain
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
