"""Component by component: looked up in the catalog, or handed on where it is today's already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from mmar_automl.errors import JsonPath
from mmar_automl.trainer import names
from mmar_automl.trainer.scopes import Findings, is_comment, is_component, names_of
from mmar_automl.trainer.vocabulary import data, networks, scoring, training, transforms
from mmar_automl.trainer.vocabulary.entry import (
    CATALOG,
    Context,
    Entry,
    Made,
    Unfit,
    Unfits,
)
from mmar_automl.trainer.vocabulary.facts import Facts
from mmar_automl.trainer.vocabulary.known import UNSUPPORTED, suggest

Places = dict[JsonPath, JsonPath]
"""Place in the 4.1 config → in the 3.x config."""
Report = Callable[[JsonPath, str, str, str], None]
_ENTRIES = (data, networks, scoring, training, transforms)
"""Their import fills the catalog."""
CARRIED = ("disabled", "rank")
"""Keys of a component that mean the same in both worlds."""


class Converter:
    """Converts the components of one config; what is wrong goes to `findings`."""

    def __init__(
        self,
        facts: Facts,
        known: Mapping[str, Any],
        findings: Findings,
        places: Places,
        report: Report,
        refs: frozenset[str] = frozenset(),
    ) -> None:
        self.context = Context(facts, known)
        self._findings = findings
        self._places = places
        self._report = report
        self._refs = refs
        self._today: dict[str, str] = {}
        """What a `ref` says → what it has to say in the 4.1 config."""

    def section(self, value: Any, kind: str, path: JsonPath, new: JsonPath) -> Any:
        """A section that is one component, or a list of which one is enabled."""
        if isinstance(value, list):
            return [self.one(v, (*path, i), kind, (*new, i)) for i, v in enumerate(value)]
        return self.one(value, path, kind, new)

    def one(self, body: Any, path: JsonPath, kind: str, new: JsonPath) -> Any:
        """A component with the keys beside its args; a stand-in where it cannot be converted."""
        if not is_component(body):
            self._findings.wrong(path, "a component needs a name or a path", body)
            return {}
        made = self.make(body, path, kind, new)
        if made is None:
            return {}
        id = str(body.get("name", "")).partition("#")[2]
        if id:
            made = {**made, "name": f"{made.get('name', names_of(made)[0])}#{id}"}
        was, now = (str(each.get("path", each.get("name"))) for each in (body, made))
        self._report(path, was, now, self.differs(body))
        return {**made, **{key: body[key] for key in CARRIED if key in body}}

    def make(
        self, body: Mapping[str, Any], path: JsonPath, kind: str, new: JsonPath | None
    ) -> Made | None:
        """What a component is today, without its other keys; None if it cannot be converted."""
        args = body.get("args", {})
        if not isinstance(args, Mapping):
            self._findings.wrong((*path, "args"), "args is an object", args)
            return None
        args = {key: value for key, value in args.items() if not is_comment(key)}
        if new is not None:
            self._places[new] = path
        if isinstance(body.get("path"), str):
            return self._of_the_user(body, args, path, kind)
        name = body["name"].partition("#")[0]
        found = CATALOG.get(name)
        if found is None or found.kind != kind:
            return self._foreign(name, args, path, kind)
        self.context.notes.clear()
        try:
            made = found.make(args, self.context)
        except Unfits as error:
            for fault in error.faults:
                self._unfit(fault, found, body, path)
            return None
        for note in self.context.notes:
            self._findings.note(note)
        return made

    def _unfit(self, fault: Unfit, entry: Entry, body: Mapping[str, Any], path: JsonPath) -> None:
        place: JsonPath = (*path, "args", fault.argument) if fault.argument else path
        near = names.nearest(fault.argument, entry.arguments)
        hint = f"did you mean {near[0]!r}?" if near and near[0] != fault.argument else ""
        value = body.get("args", {}).get(fault.argument, body.get("name"))
        self._findings.wrong(place, str(fault), value, hint or fault.hint)

    def differs(self, body: Mapping[str, Any]) -> str:
        """What the report says of a component's semantics."""
        found = CATALOG.get(str(body.get("name", "")).partition("#")[0])
        return "" if found is None or "path" in body else found.differs

    def _of_the_user(self, body: Mapping[str, Any], args: Made, path: JsonPath, kind: str) -> Made:
        """A component of the user's own gets its arguments as they stand."""
        if kind == "model" and "final_activation" in args:
            self._findings.note(
                f"{body['path']} is to give logits: its final_activation, "
                f"{self.context.facts.activation}, is the loss's and the post transforms'"
            )
        return {"path": body["path"], "args": args}

    def _foreign(self, name: str, args: Made, path: JsonPath, kind: str) -> Made | None:
        """A name that is not 3.x's: today's, known and unsupported, or wrong."""
        place: JsonPath = (*path, "name")
        if name in UNSUPPORTED:
            self._findings.wrong(place, f"Clara 3.x's {name} is not supported", name,
                                 UNSUPPORTED[name])  # fmt: skip
        elif name in CATALOG:
            is_a, wanted = (word.replace("_", " ") for word in (CATALOG[name].kind, kind))
            self._findings.wrong(place, f"{name} is no {wanted}", name, f"it is a {is_a}")
        elif kind not in ("image_pipeline", "aux_op", "metric") and names.find(name) is not None:
            return {"name": name, "args": args}
        else:
            self._findings.wrong(place, "no component of Clara 3.x, nor of MONAI, torch or ignite",
                                 name, suggest(name, kind))  # fmt: skip
        return None

    def chain(self, bodies: list[Any], where: JsonPath) -> list[Made]:
        """The `pre_transforms` of a scope: those of `train` first, which the others refer to."""
        path: JsonPath = (*where, "pre_transforms")
        made: list[Made] = []
        origins: list[Mapping[str, Any] | None] = []
        for index, body in enumerate(bodies):
            place: JsonPath = (*path, index)
            new: JsonPath = (*path, len(made))
            if "ref" in body:
                self._places[new] = place
                made.append({"ref": self._today.get(str(body["ref"]), body["ref"])})
                origins.append(None)
            elif is_component(body):
                made.append(self.one(body, place, "transform", new) or _stand_in(body))
                origins.append(body)
        if where == ("train",):
            self._name_for_references(made, origins)
        return made

    def _name_for_references(
        self, made: list[Made], origins: list[Mapping[str, Any] | None]
    ) -> None:
        """Let a `ref` to an old name find its component by the new name.

        Two old classes may have become one: then each is given its old name as an id.
        """
        classes = Counter(names_of(body)[0] for body in made if names_of(body))
        for body, old in zip(made, origins, strict=True):
            if old is None or not self._refs.intersection(names_of(old)):
                continue
            was, now = names_of(old)[0], names_of(body)
            olds = sum(o is not None and names_of(o)[:1] == (was,) for o in origins)
            if len(now) > 1:
                if olds == 1:
                    self._today[was] = now[-1]
            elif classes[now[0]] == olds:
                self._today[was] = now[0]
            else:
                body["name"] = f"{now[0]}#{was}"
                self._today[was] = was


def _stand_in(body: Mapping[str, Any]) -> Made:
    """In place of a transform that could not be converted: what refers to it is no other error."""
    name = ("?", *names_of(body))[-1]
    return {"name": f"Identityd#{name}", "disabled": True, "args": {"keys": "image"}}
