"""What holds of every config: checked on made-up ones, against a second, naive reading.

The oracle knows nothing of conditions. It writes the values that it believes active into the
config, looks which components that leaves disabled, and starts again until nothing changes.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from mmar_automl.defs import Parameter, SearchResult, SearchSpace
from mmar_automl.search.apply import apply
from mmar_automl.search.count import count
from mmar_automl.search.diff import changes
from mmar_automl.search.distinct import enumerate_distinct
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import parse, read_space

LIMIT = 3000
leaves = st.sampled_from([None, True, False, 0, 1, 1.0, 0.5, "a", "1", "ü", [1, [2]], {"k": []}])
booleans = st.sampled_from([[[True], [False]], [[False], [True]], [[0.0], [1.0]]])


@st.composite
def domains(draw: st.DrawFn, width: int) -> dict[str, Any]:
    """type and targets of an entry for so many args."""
    kind = draw(st.sampled_from(["enum", "enum", "int", "step"]))
    if kind == "int":
        low = draw(st.integers(-2, 2))
        return {"type": "int", "targets": [low, low + draw(st.integers(0, 2))]}
    if kind == "step":
        return {"type": "float", "targets": [0, 0.5], "step": 0.25}
    options = draw(
        st.lists(
            st.lists(leaves, min_size=width, max_size=width),
            min_size=1,
            max_size=3,
            unique_by=json.dumps,
        )
    )
    return {"type": "enum", "targets": options}


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A config with searches at first level and in components, linked in every way there is."""
    numbers = itertools.count()
    aliases: list[str] = []
    switches: list[str] = []
    names: list[tuple[str, dict[str, Any], int]] = []

    def finish(entry: dict[str, Any], shown: list[str], in_component: bool) -> dict[str, Any]:
        entry["domain"] = draw(st.sampled_from(["lr", "net", "transform"]))
        if names and draw(st.booleans()):
            other, source, position = draw(st.sampled_from(names))
            entry["when"] = {other: [_a_value(draw, source, position)]}
        for position, name in enumerate(shown):
            names.append((name, entry, position))
        if in_component and draw(st.booleans()):
            alias = f"alias{next(numbers)}"
            entry["args"][0] += f"#{alias}"
            aliases.append(alias)
            if shown[0].endswith(".disabled"):
                switches.append(alias)
        return entry

    config: dict[str, Any] = {"standing": draw(leaves), "flag": draw(st.booleans()), "search": []}
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.booleans()):
            name = f"switch{next(numbers)}"
            entry = {"args": [name], "type": "enum", "targets": draw(booleans)}
            switches.append(name)
            shown = [name]
        else:
            shown = [f"first{next(numbers)}" for _ in range(draw(st.integers(1, 2)))]
            entry = {"args": list(shown), **draw(domains(len(shown)))}
        aliases += shown
        config["search"].append(finish(entry, shown, in_component=False))

    def component(depth: int) -> dict[str, Any]:
        class_name = f"C{next(numbers)}"
        args: dict[str, Any] = {arg: draw(leaves) for arg in "abc"}
        body: dict[str, Any] = {"name": class_name, "args": args}
        if draw(st.booleans()):
            body["disabled"] = draw(st.booleans())
        if draw(st.integers(0, 3)) == 0:
            args["v"] = "{standing}" if draw(st.booleans()) else "{flag}"
        free = ["a", "b", "c"]
        search = []
        if draw(st.integers(0, 2)):
            entry = {"args": ["@disabled"], "type": "enum", "targets": draw(booleans)}
            search.append(finish(entry, [f"{class_name}.disabled"], in_component=True))
        elif switches:
            body.setdefault("apply", {})["@disabled"] = draw(st.sampled_from(switches))
        for _ in range(draw(st.integers(0, 1))):
            width = draw(st.integers(1, min(2, len(free))))
            taken = [free.pop(0) for _ in range(width)]
            entry = {"args": list(taken), **draw(domains(width))}
            shown = [f"{class_name}.{arg}" for arg in taken]
            search.append(finish(entry, shown, in_component=True))
            if not free:
                break
        if free and aliases and draw(st.booleans()):
            body.setdefault("apply", {})[free.pop()] = draw(st.sampled_from(aliases))
        if search:
            body["search"] = search
        if depth and draw(st.booleans()):
            args["inner"] = component(depth - 1)
        return body

    transforms = [component(1) for _ in range(draw(st.integers(1, 4)))]
    config["train"] = {"pre_transforms": transforms}
    return config


def _a_value(draw: st.DrawFn, entry: Mapping[str, Any], position: int) -> Any:
    if entry["type"] == "enum":
        value = draw(st.sampled_from(entry["targets"]))[position]
        return bool(value) if entry["args"][0].startswith("@disabled") else value
    low = entry["targets"][0]
    return float(low) if entry["type"] == "float" else low


def readable(config: Mapping[str, Any]) -> SearchSpace:
    """The space of a made-up config that has no errors and is small enough to walk through."""
    findings = Findings()
    space = read_space(config, findings)
    assume(findings.errors == 0)
    size = 1
    for parameter in space:
        values = parameter.domain.values
        assert values is not None
        size *= len(values)
    assume(size <= LIMIT)
    return space


def every_value(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """The whole product, inactive values and all."""
    keys = [parameter.key for parameter in space]
    for values in itertools.product(*(parameter.domain.values or () for parameter in space)):
        yield dict(zip(keys, values, strict=True))


class Oracle:
    """The naive reading of one config."""

    def __init__(self, config: dict[str, Any], space: SearchSpace) -> None:
        self.config = config
        self.space = space

    def read(self, values: Mapping[str, Any]) -> tuple[set[str], dict[str, Any]]:
        """The active parameters, and the config with their values, search sections included."""
        active = {parameter.key for parameter in self.space}
        for _ in range(len(active) + 2):
            concrete, shown = self._write(values, active)
            fresh = {p.key for p in self.space if self._counts(p, concrete, shown)}
            if fresh == active:
                return active, concrete
            active = fresh
        raise AssertionError("no fixed point")

    def _write(
        self, values: Mapping[str, Any], active: set[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        concrete = copy.deepcopy(self.config)
        published = {k: v for k, v in concrete.items() if k not in ("search", "train")}
        shown: dict[str, Any] = {}
        for parameter in self.space:
            body = self._at(concrete, parameter.component)
            for position, arg in enumerate(parameter.args):
                place = body if arg.attribute or not parameter.component else body["args"]
                if parameter.key in active:
                    value = parameter.values(values[parameter.key])[position]
                    place[arg.name] = copy.deepcopy(value)
                    shown[parameter.names[position]] = value
                    if arg.alias:
                        shown[arg.alias] = value
                elif arg.name not in place and not arg.attribute:
                    continue
                for name in (arg.alias, None if parameter.component else arg.name):
                    if name:
                        published[name] = place.get(arg.name, False)
        for body in self._bodies(concrete):
            for target, alias in body.get("apply", {}).items():
                if alias in published:
                    value = copy.deepcopy(published[alias])
                    if target == "@disabled":
                        body["disabled"] = bool(value)
                    else:
                        body["args"][target] = value
        return concrete, shown

    def _counts(
        self, parameter: Parameter, concrete: dict[str, Any], shown: Mapping[str, Any]
    ) -> bool:
        for name, wanted in parameter.when.items():
            if name not in shown or json.dumps(shown[name]) not in map(json.dumps, wanted):
                return False
        places = list(self._places(parameter))
        return not places or any(self._alive(concrete, path) for path in places)

    def _places(self, parameter: Parameter) -> Iterator[tuple[Any, ...]]:
        """Paths of the objects that must be enabled for a write of the parameter to count."""
        for arg in parameter.args:
            if parameter.component:
                yield parameter.component[:-1] if arg.attribute else parameter.component
            names = {arg.alias, None if parameter.component else arg.name}
            for path, body in self._walk(self.config, ()):
                for target, alias in body.get("apply", {}).items():
                    if alias in names:
                        yield path[:-1] if target == "@disabled" else path

    def _alive(self, concrete: dict[str, Any], path: tuple[Any, ...]) -> bool:
        node: Any = concrete
        for step in path:
            node = node[step]
            if isinstance(node, dict) and node.get("disabled") is True:
                return False
        return True

    def _bodies(self, config: dict[str, Any]) -> list[dict[str, Any]]:
        return [body for _, body in self._walk(config, ())]

    def _walk(self, node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        if isinstance(node, dict):
            if "args" in node and "domain" not in node:
                yield path, node
            for key, child in node.items():
                if key != "search":
                    yield from self._walk(child, (*path, key))
        elif isinstance(node, list):
            for index, child in enumerate(node):
                yield from self._walk(child, (*path, index))

    @staticmethod
    def _at(config: Any, path: tuple[Any, ...]) -> Any:
        for step in path:
            config = config[step]
        return config


def without_search(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: without_search(v) for k, v in node.items() if k not in ("search", "apply")}
    return [without_search(item) for item in node] if isinstance(node, list) else node


@settings(max_examples=150, deadline=None)
@given(configs(), st.data())
def test_apply_does_what_the_naive_reading_says(
    config: dict[str, Any], data: st.DataObject
) -> None:
    """Activity and the job's config agree with the oracle, types and all; the base is untouched."""
    space = readable(config)
    oracle = Oracle(config, space)
    before = json.dumps(config)
    choices = {p.key: st.sampled_from(p.domain.values or [0]) for p in space}
    for _ in range(3):
        values = data.draw(st.fixed_dictionaries(choices))
        active, expected = oracle.read(values)
        assert space.active(values) == active
        concrete = apply(config, SearchResult(space, values))
        note(json.dumps(concrete))
        assert json.dumps(without_search(expected), sort_keys=True) == json.dumps(
            concrete, sort_keys=True
        )
    assert json.dumps(config) == before


@settings(max_examples=150, deadline=None)
@given(configs(), st.data())
def test_a_job_has_no_search_and_only_what_the_result_names(
    config: dict[str, Any], data: st.DataObject
) -> None:
    """Parsing a job's config gives nothing; every change is at a place that the result names."""
    space = readable(config)
    choices = {p.key: st.sampled_from(p.domain.values or [0]) for p in space}
    chosen = data.draw(st.fixed_dictionaries({}, optional=choices))
    concrete = apply(config, SearchResult(space, chosen))
    assert '"search"' not in json.dumps(concrete)
    assert '"apply"' not in json.dumps(concrete)
    assert len(read_space(concrete, Findings())) == 0
    allowed = set()
    for parameter in space:
        if parameter.key in space.effective(chosen):
            for arg in parameter.args:
                inside = parameter.component and not arg.attribute
                allowed.add((*parameter.component, *(["args"] if inside else []), arg.name))
    for path, body in Oracle(config, space)._walk(config, ()):
        for target in body.get("apply", {}):
            attribute = target.startswith("@")
            allowed.add((*path, *([] if attribute else ["args"]), target.removeprefix("@")))
    base = without_search(config)
    for change in changes(base, concrete):
        assert any(change.path[: len(place)] == place for place in allowed)


@settings(max_examples=100, deadline=None)
@given(configs())
def test_counting_agrees_with_enumeration(config: dict[str, Any]) -> None:
    """The count, the enumeration and a walk through the whole product say the same."""
    space = readable(config)
    seen: dict[str, None] = {}
    for values in every_value(backwards(space)):
        seen.setdefault(json.dumps(space.effective(values)))
    assert count(space) == len(seen)
    assert [json.dumps(values) for values in enumerate_distinct(space, num=10)] == list(seen)


def test_a_switch_that_also_sets_an_arg_of_what_it_switches() -> None:
    """It hangs on what is around its component, not on itself."""
    inner = {"name": "C2", "args": {"c": None}, "apply": {"@disabled": "s", "c": "s"}}
    outer_search = {
        "args": ["@disabled"],
        "type": "enum",
        "domain": "net",
        "targets": [[True], [False]],
    }
    outer = {"name": "C1", "args": {"inner": inner}, "search": [outer_search]}
    space = parse(
        {
            "search": [
                {"args": ["s"], "type": "enum", "domain": "net", "targets": [[True], [False]]}
            ],
            "train": {"pre_transforms": [outer]},
        }
    )
    assert count(space) == 3
    assert len(list(enumerate_distinct(space))) == 3


def backwards(space: SearchSpace) -> SearchSpace:
    """The same parameters, the last first: `product` varies its last factor fastest."""
    return SearchSpace(tuple(reversed(space.parameters)))


@settings(max_examples=60, deadline=None)
@given(configs())
def test_equal_configurations_make_equal_jobs(config: dict[str, Any]) -> None:
    """Two proposals that differ only in inactive values write the same config."""
    space = readable(config)
    jobs: dict[str, str] = {}
    for values in itertools.islice(every_value(space), 200):
        mark = json.dumps(space.effective(values))
        job = json.dumps(apply(config, SearchResult(space, values)))
        assert jobs.setdefault(mark, job) == job
