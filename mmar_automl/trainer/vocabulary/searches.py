"""The search sections of a 3.x config, carried over to the 4.1 config that it converts to.

An old argument may be several today, in several components (`final_activation` is the loss's and
the post transforms'). So nobody lists what becomes of a searched argument: each choice is written
into the 3.x config, the whole is converted, and what came out differently is what the search has to
write today. At the end random choices are converted on both ways and compared.
"""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import ALWAYS, Choices, Parameter, SearchResult, SearchSpace, Value
from mmar_automl.errors import JsonPath, format_path
from mmar_automl.search import apply
from mmar_automl.search.components import at
from mmar_automl.search.findings import Findings as SearchFindings
from mmar_automl.search.parse import read_space
from mmar_automl.trainer.scopes import Findings
from mmar_automl.trainer.vocabulary.looks import (
    Leaf,
    columns,
    combinations,
    difference,
    enabled,
    is_column,
    leaves,
    looks,
    same,
)

Config = dict[str, Any]
TRIES = 64
"""So many choices are compared on both ways."""
_CARRIED = ("domain", "type", "scale", "step", "default")
"""Keys of an entry that stay as they are where the searched value does."""


@dataclass(frozen=True)
class Carried:
    """A search section of the 4.1 config: which parameters of the 3.x config it stands for."""

    was: tuple[Parameter, ...]
    source: JsonPath


class _CannotCarry(Exception):
    """A search that has no counterpart; the message says why."""


def carry(
    old: Mapping[str, Any], convert: Callable[[Mapping[str, Any]], Config], findings: Findings
) -> tuple[Config, tuple[Carried, ...]]:
    """The 4.1 config with the searches of the 3.x config `old`, and what became of each.

    `convert` converts a config without its searches. What cannot be carried over goes to
    `findings`, as an error at the 3.x entry.
    """
    made = convert(old)
    told = SearchFindings()
    space = read_space(old, told)
    for problem in told.problems:
        if problem.severity == "error":
            findings.wrong(problem.path, problem.message, problem.value, problem.hint)
    if told.errors or not space.parameters:
        return made, ()
    carrier = _Carrier(old, made, space, convert)
    carried: list[Carried] = []
    for group in carrier.groups(findings):
        try:
            carried.append(carrier.write(group))
        except _CannotCarry as error:
            findings.wrong(group[0].source, str(error), hint="write this search into the 4.1 "
                           "config by hand, and take it out of the 3.x one first")  # fmt: skip
    if len({p.key for each in carried for p in each.was}) == len(carrier.touching):
        difference = carrier.compare(carried)
        if difference:
            findings.wrong(("search",), f"the searches hang together: {difference}")
    return carrier.made, tuple(carried)


class _Carrier:
    def __init__(
        self,
        old: Mapping[str, Any],
        made: Config,
        space: SearchSpace,
        convert: Callable[[Mapping[str, Any]], Config],
    ) -> None:
        self.old = old
        self.made = copy.deepcopy(made)
        self.space = space
        self._convert = convert
        # What an entry writes does not depend on whether it has an effect just now.
        self._always = SearchSpace(
            tuple(dataclasses.replace(p, active=ALWAYS, when={}) for p in space)
        )
        self._first = {p.key: looks(p)[0] for p in space}
        self.touching: dict[str, dict[Leaf, list[Any]]] = {}
        """Key of a parameter → what it writes today: a value for each look at it."""

    def groups(self, findings: Findings) -> list[tuple[Parameter, ...]]:
        """The parameters, those that write to the same place together."""
        for parameter in self.space:
            try:
                touched = self._touched(parameter)
            except _CannotCarry as error:
                findings.wrong(parameter.source, str(error))
                continue
            if parameter.when:
                findings.wrong((*parameter.source, "when"), "conditions are not carried over",
                               hint="write this search into the 4.1 config by hand")  # fmt: skip
            elif touched:
                self.touching[parameter.key] = touched
            else:
                findings.wrong(parameter.source, "nothing of what this searches is left today, so "
                               "the entry is left out", severity="warning")  # fmt: skip
        groups: list[list[Parameter]] = []
        for parameter in self.space:
            if parameter.key not in self.touching:
                continue
            mine = set(self.touching[parameter.key])
            near = [g for g in groups if any(mine & set(self.touching[p.key]) for p in g)]
            groups = [g for g in groups if g not in near]
            groups.append([*(p for g in near for p in g), parameter])
        return [tuple(group) for group in groups]

    def _touched(self, parameter: Parameter) -> dict[Leaf, list[Any]]:
        seen = [self._leaves({parameter.key: value}) for value in looks(parameter)]
        if any(set(look) != set(seen[0]) for look in seen):
            odd = next(leaf for look in seen for leaf in set(look) ^ set(seen[0]))
            where = format_path(odd[0])
            raise _CannotCarry(f"its choices are built differently today, at {where}")
        found = {leaf: [look[leaf] for look in seen] for leaf in seen[0]}
        touched = {leaf: values for leaf, values in found.items()
                   if any(not same(value, values[0]) for value in values)}  # fmt: skip
        names = [leaf for leaf in touched if leaf[1] in ("!name", "!path")]
        if names:
            where = format_path(names[0][0])
            raise _CannotCarry(f"its choices are different components today, at {where}")
        return touched

    def _leaves(self, values: Mapping[str, Value]) -> dict[Leaf, Any]:
        """Everything that a search could write in the converted config, with its value."""
        chosen = SearchResult(self._always, {**self._first, **values})
        return dict(leaves(self._convert(apply(self.old, chosen))))

    def write(self, group: tuple[Parameter, ...]) -> Carried:
        """Put the entry of a group into the 4.1 config."""
        if len(group) == 1:
            touched = self.touching[group[0].key]
            rows = [list(row) for row in zip(*touched.values(), strict=True)]
            entry = {"type": group[0].type, **self._as_written(group[0])}
        else:
            touched, rows = self._product(group)
            entry = {"domain": group[0].label, "type": "enum"}
        leaves = list(touched)
        if entry["type"] == "enum":
            entry["targets"] = rows
            # The old one is in old values; which of the choices it is stays the same.
            if entry.pop("default", None) is not None and group[0].default is not None:
                entry["default"] = int(group[0].default)
        else:
            low, _, high = rows
            if any(not same(v, row[0]) for row in rows for v in row):
                raise _CannotCarry("its range is another one for each place that it writes today")
            entry["targets"] = [low[0], high[0]]
            if [row[0] for row in rows] != looks(group[0]):
                raise _CannotCarry("what it writes today is no plain number of its range")
        return Carried(group, self._place(group[0], leaves, rows, entry))

    def _product(self, group: Sequence[Parameter]) -> tuple[dict[Leaf, list[Any]], list[list[Any]]]:
        """One entry for several that write to the same place: all combinations."""
        if not all(isinstance(p.domain, Choices) for p in group):
            names = " and ".join(name for p in group for name in p.names)
            raise _CannotCarry(f"{names} write to the same place today, and one is a range")
        leaves = dict.fromkeys(leaf for p in group for leaf in self.touching[p.key])
        rows = []
        for values in combinations(group):
            look = self._leaves(values)
            rows.append([look[leaf] for leaf in leaves])
        columns = zip(*rows, strict=True)
        return {leaf: list(c) for leaf, c in zip(leaves, columns, strict=True)}, rows

    def _as_written(self, parameter: Parameter) -> dict[str, Any]:
        # The short form `lr_search` is a list, and has none of these.
        raw = at(self.old, parameter.source)
        kept = {k: raw[k] for k in _CARRIED if k in raw} if isinstance(raw, Mapping) else {}
        return {"domain": parameter.label, **kept, "type": parameter.type}

    def _place(
        self, parameter: Parameter, leaves: list[Leaf], rows: list[list[Any]], entry: Config
    ) -> JsonPath:
        """Where the entry goes: into the component that it is about, else at first level."""
        homes = {component for component, _ in leaves}
        if len(homes) == 1:
            (home,) = homes
            entry["args"] = [name for _, name in leaves]
            return self._add(home, entry)
        found = columns(leaves, rows if entry["type"] == "enum" else [rows[0], rows[-1]])
        names = self._names(parameter, found)
        entry["args"] = names
        if entry["type"] == "enum":
            firsts = [leaves.index(column[0]) for column in found]
            entry["targets"] = [[row[i] for i in firsts] for row in rows]
        for name, column in zip(names, found, strict=True):
            for component, arg in column:
                if component:
                    at(self.made, component).setdefault("apply", {})[arg] = name
        return self._add((), entry)

    def _names(self, parameter: Parameter, columns: list[list[Leaf]]) -> list[str]:
        """A first-level name for each column: what the old config called it, where it did."""
        olds = {(arg.alias or arg.name): index for index, arg in enumerate(parameter.args)}
        taken = {*self.made, *(a for raw in self.made.get("search", ()) for a in raw["args"])}
        if not parameter.component:
            taken -= set(olds)
        names: list[str] = []
        for column in columns:
            own = [arg for component, arg in column if not component]
            values = self.touching[parameter.key].get(column[0], [])
            same = [name for name, index in olds.items() if name not in names
                    and is_column(parameter, index, values)]  # fmt: skip
            if not own and not same:
                same = [f"{next(iter(olds))}_{column[0][1].removeprefix('@')}"]
            name = base = (own or same)[0]
            count = 2
            while name in names or (name in taken and name not in own):
                name, count = f"{base}_{count}", count + 1
            names.append(name)
        return names

    def _add(self, component: JsonPath, entry: Config) -> JsonPath:
        body = at(self.made, component)
        if entry["type"] == "enum" and "default" in entry:
            entry["default"] = entry["targets"][entry["default"]]
        order = ("domain", "type", "args", "targets", *(k for k in _CARRIED if k in entry))
        section: list[Config] = body.setdefault("search", [])
        section.append({key: entry[key] for key in order})
        if not component:
            # At first level a reader looks for it before the sections.
            for key in ("train", "validate"):
                self.made[key] = self.made.pop(key)
        return (*component, "search", len(section) - 1)

    def compare(self, carried: Sequence[Carried]) -> str:
        """The first choice that gives another config on the way over 4.1; nothing if all agree."""
        told = SearchFindings()
        space = read_space(self.made, told)
        if told.errors:
            problem = next(p for p in told.problems if p.severity == "error")
            return f"{format_path(problem.path)}: {problem.message}"
        by_source = {parameter.source: parameter for parameter in space}
        draw = random.Random(0)
        for _ in range(TRIES):
            values: dict[str, Value] = {}
            today: dict[str, Value] = {}
            for each in carried:
                picks = [draw.randrange(len(looks(p))) for p in each.was]
                values |= {p.key: looks(p)[i] for p, i in zip(each.was, picks, strict=True)}
                now = by_source[each.source]
                index = 0
                for parameter, pick in zip(each.was, picks, strict=True):
                    index = index * len(looks(parameter)) + pick
                today[now.key] = (
                    index if isinstance(now.domain, Choices) else values[each.was[0].key]
                )
            direct = self._convert(apply(self.old, SearchResult(self.space, values)))
            over = apply(self.made, SearchResult(space, today))
            where = difference(enabled(direct), enabled(over))
            if where is not None:
                return f"{values} writes something else at {format_path(where)}"
        return ""
