"""A Clara 4.x training config as a MONAI bundle config: pure, without torch.

Clara's config names components by `name` or `path` with `args`, refers to them by `@section`
and runs code in `#…` and `lambda …`. A bundle config says the same with `_target_`, `@id` and
`$…`, and MONAI's ConfigParser instantiates it. Searched values are applied to Clara's config
and the whole translated afresh; bundle ids are never edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.errors import JsonPath, Problem, format_path
from mmar_automl.mmar.environment import UnknownVariable, is_code, substitute
from mmar_automl.mmar.source import JsonSource
from mmar_automl.trainer import implicit, names
from mmar_automl.trainer.components import ComponentReader
from mmar_automl.trainer.expressions import (
    BadExpression,
    expression,
    json_literal,
    literal,
    reference,
)
from mmar_automl.trainer.scopes import Findings, Scopes, is_comment, is_component, names_of

ALTERNATIVES = ("loss", "optimizer", "model", "lr_scheduler", "lr_policy")
"""Sections that may be a list, of which exactly one element is enabled."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A bundle config and where each part of it came from."""

    bundle: dict[str, Any]
    conf: dict[str, Any]
    """Clara's config with its variables filled in: what `@conf` is."""
    origins: dict[str, JsonPath]
    """Bundle id of a component → its JSON path in Clara's config."""
    notices: tuple[str, ...] = ()
    """What was said in today's words, a sentence each, for the user to see once."""
    problems: tuple[Problem, ...] = ()


def translate(
    source: JsonSource,
    known: Mapping[str, Any],
    *,
    device: str = "cpu",
    rank: int = 0,
    folders: Sequence[Path] = (),
) -> Translation:
    """Translate a config whose variables are `known` (see `mmar.environment.variables`).

    `folders` hold the MMAR's own Python. Nothing is raised for a user's mistake: `problems`
    of the result has them all, each with its place in the file.
    """
    findings = Findings(source)
    scopes = Scopes(source.data, known, rank, findings)
    translator = _Translator(known, device, scopes, findings, ComponentReader(folders))
    config = source.data if isinstance(source.data, dict) else {}
    conf = {k: _filled(v, known) for k, v in config.items() if not is_comment(k)}
    bundle: dict[str, Any] = {
        "device": device,
        "conf": json_literal(conf),
        # Checkpoints walk into a plain dict; see checkpoint.ConfigState.
        "conf_state": {"_target_": "mmar_automl.trainer.checkpoint.ConfigState", "config": "@conf"},
    }
    for scope, sections in scopes.sections.items():
        bundle[scope] = {
            name: translator.section(scope, name)
            for name in dict.fromkeys((*sections, "key_metric", "additional_metrics"))
            if scopes.is_section(scope, name) and not scopes.is_off(scope, name)
        }
    return Translation(
        bundle=bundle,
        conf=conf,
        origins=translator.origins,
        notices=findings.notices,
        problems=findings.problems,
    )


class _Translator:
    """Carries what every part of the translation needs; one for each config."""

    def __init__(
        self,
        known: Mapping[str, Any],
        device: str,
        scopes: Scopes,
        findings: Findings,
        reader: ComponentReader,
    ) -> None:
        self.known = known
        self.device = device
        self.scopes = scopes
        self.findings = findings
        self.reader = reader
        self.origins: dict[str, JsonPath] = {}

    def section(self, scope: str, name: str) -> Any:
        id = f"{scope}::{name}"
        if name in ("key_metric", "additional_metrics"):
            return self.metrics(scope, name, id)
        value = self.scopes.sections[scope][name]
        path = self.scopes.path(scope, name)
        items = value if isinstance(value, list) else [value]
        if name.endswith("transforms"):
            listed = self.components(scope, name, items, path, f"{id}::transforms")
            return {"_target_": "monai.transforms.Compose", "transforms": listed}
        if name == "handlers":
            return self.components(scope, name, items, path, id)
        if isinstance(value, list) and name in ALTERNATIVES:
            chosen = self.alternative(value, path)
            return None if chosen is None else self.component(scope, name, *chosen, id)
        if is_component(value):
            return self.component(scope, name, value, path, id)
        if name in (*ALTERNATIVES, "trainer", "evaluator", "inferer", "dataset", "dataloader"):
            self.findings.wrong(path, "a component needs a name or a path", value)
            return None
        return self.value(scope, value, path, id)

    def alternative(
        self, values: list[Any], path: JsonPath
    ) -> tuple[dict[str, Any], JsonPath] | None:
        """The one enabled element of a list of alternatives, and its place."""
        on = [i for i, v in enumerate(values)
              if is_component(v) and self.scopes.is_enabled(v, (*path, i))]  # fmt: skip
        if len(on) != 1:
            listed = ", ".join(names_of(values[i])[0] for i in on)
            what = f"{len(on)} of its alternatives are enabled ({listed})"
            what = what if on else "none of its alternatives is enabled"
            hint = 'write "disabled": true into the others, or let a search choose'
            self.findings.wrong(path, f"{what}; exactly one must be", hint=hint)
        return (values[on[0]], (*path, on[0])) if on else None

    def components(
        self, scope: str, name: str, items: list[Any], path: JsonPath, id: str
    ) -> list[Any]:
        """A list of components without the disabled ones, each `ref` replaced by a new copy."""
        made: list[Any] = []
        for index, item in enumerate(items):
            place: JsonPath = (*path, index)
            if not is_component(item) and not (isinstance(item, dict) and "ref" in item):
                message = "a component is an object with a name, a path or a ref"
                self.findings.wrong(place, message, item)
                continue
            if not self.scopes.is_enabled(item, place):
                continue
            home, found, at = scope, item, place
            if "ref" in item:
                target = self.referred(name, items, index, place)
                if target is None or not self.scopes.is_enabled(*target):
                    continue
                home, (found, at) = "train", target
            made.append(self.component(home, name, found, at, f"{id}::{len(made)}"))
        return made

    def referred(
        self, name: str, items: list[Any], index: int, path: JsonPath
    ) -> tuple[dict[str, Any], JsonPath] | None:
        """The component of the train section that a `ref` means, and its place.

        Names may repeat: the first `ref` of a name means its first bearer, and so on.
        """
        ref = str(items[index]["ref"])
        train = self.scopes.sections.get("train", {})
        lists = [name, *(n for n in train if n.endswith("transforms") and n != name)]
        every = {
            section: [(item, (*self.scopes.path("train", section), i))
                      for i, item in enumerate(train.get(section) or []) if is_component(item)]
            for section in lists
        }  # fmt: skip
        for section in lists:
            bearers = [pair for pair in every[section] if ref in names_of(pair[0])]
            if not bearers:
                continue
            asked = [
                i for i, it in enumerate(items) if isinstance(it, dict) and it.get("ref") == ref
            ]
            if len(asked) == len(bearers):
                return bearers[asked.index(index)]
            enabled = [pair for pair in bearers if self.scopes.is_enabled(*pair)]
            if len(asked) == 1 and len(enabled) <= 1:
                return (enabled or bearers)[0]
            where = format_path(self.scopes.path("train", section))
            message = f"{ref!r} stands {len(bearers)} times in {where}"
            hint = f'name one "{ref}#some_id" there and refer to "some_id"'
            self.findings.wrong((*path, "ref"), message, ref, hint)
            return None
        known = [n for pairs in every.values() for pair in pairs for n in names_of(pair[0])]
        near = names.nearest(ref, known)
        hint = f"did you mean {near[0]!r}?" if near else ""
        self.findings.wrong((*path, "ref"), f"nothing in train is named {ref!r}", ref, hint)
        return None

    def metrics(self, scope: str, name: str, id: str) -> dict[str, Any]:
        """Metrics by their `log_label`, as MONAI's engines want them."""
        taken: set[Any] = set()
        if name != "key_metric":
            keys = self.scopes.metrics(scope, "key_metric").values()
            taken = {key.get("log_label") for key in keys if isinstance(key, dict)}
        made: dict[str, Any] = {}
        for place, item in self.scopes.metrics(scope, name).items():
            if not is_component(item):
                self.findings.wrong(place, "a metric is an object with a name or a path", item)
                continue
            if not self.scopes.is_enabled(item, place):
                continue
            label = item.get("log_label")
            if not isinstance(label, str) or not label:
                label = names_of(item)[0]
                where = format_path(place)
                self.findings.note(f"{where} has no log_label, so it is called {label}")
            if label in taken:
                hint = "one would replace the other; give each its own"
                message = "two metrics have the same log_label"
                self.findings.wrong((*place, "log_label"), message, label, hint)
            taken.add(label)
            made[label] = self.component(scope, "metric", item, place, f"{id}::{label}")
        return made

    def component(
        self, scope: str, section: str, item: dict[str, Any], path: JsonPath, id: str
    ) -> Any:
        self.origins[id] = path
        args = item.get("args", {})
        if not isinstance(args, dict):
            self.findings.wrong((*path, "args"), "args is an object", args)
            args = {}
        read = self.reader.read(item, {k: v for k, v in args.items() if not is_comment(k)}, path)
        for found in read.problems:
            self.findings.wrong(found.path, found.message, found.value, found.hint, found.severity)
        for notice in read.notices:
            self.findings.note(notice)
        if read.target is None:
            return None
        name = read.target.rpartition(".")[2]
        accepts = read.signature.names if read.signature else ()
        implied = implicit.arguments(section, name, read.args, accepts, lambda n: (
            n in self.known or self.scopes.owner(scope, n) is not None))  # fmt: skip
        made = {"_target_": read.target}
        for key, value in {**read.args, **implied}.items():
            made[key] = self.value(scope, value, (*path, "args", key), f"{id}::{key}")
        if section == "dataset":
            self.data_list(scope, item, path, made)
        for notice in implicit.adapt(section, name, made, self.device):
            self.findings.note(notice)
        for argument in read.signature.required if read.signature else ():
            if argument not in made:
                self.findings.wrong((*path, "args"), f"{name} needs the argument {argument!r}")
        return made

    def data_list(
        self, scope: str, item: dict[str, Any], path: JsonPath, made: dict[str, Any]
    ) -> None:
        """The cases of a dataset, which Clara's runtime reads from the data list."""
        if "data_list_file_path" not in item or "data" in made:
            return
        keys = {
            "data_list_file_path": None,
            "data_list_key": "training",
            "data_file_base_dir": None,
        }
        values = {k: self.value(scope, item[k], (*path, k), "") if k in item else default
                  for k, default in keys.items()}  # fmt: skip
        made["data"] = {
            "_target_": "monai.data.load_decathlon_datalist",
            "data_list_file_path": values["data_list_file_path"],
            "is_segmentation": self.known.get("PROCESSING_TASK", "segmentation") == "segmentation",
            "data_list_key": values["data_list_key"],
            "base_dir": values["data_file_base_dir"],
        }

    def value(self, scope: str, value: Any, path: JsonPath, id: str) -> Any:
        """Any value below a component: variables filled in, references and code translated."""
        if isinstance(value, dict):
            if is_component(value) and "args" in value:
                on = self.scopes.is_enabled(value, path)
                return self.component(scope, "", value, path, id) if on else None
            return {k: self.value(scope, v, (*path, k), f"{id}::{k}") for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(scope, v, (*path, i), f"{id}::{i}") for i, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        name = reference(value)
        if name is not None:
            return self.scopes.resolve(scope, name, path, value)
        try:
            if is_code(value):
                return expression(value, lambda n: self.scopes.resolve(scope, n, path, value))
            filled = substitute(value, self.known)
        except BadExpression as error:
            self.findings.wrong(path, str(error), value)
            return None
        except UnknownVariable as error:
            near = names.nearest(error.name, self.known)
            hint = f"did you mean {{{near[0]}}}?" if near else (
                "define it at first level, in environment.json or by --set")  # fmt: skip
            self.findings.wrong(path, str(error), value, hint)
            return None
        return literal(filled) if isinstance(filled, str) else filled


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """`value` with its variables filled in where they are known, code and all else kept."""
    if isinstance(value, dict):
        return {k: _filled(v, known) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, known) for v in value]
    try:
        return substitute(value, known)
    except UnknownVariable:
        return value
