"""Section by section, component by component: Clara's words in those of a bundle config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmar_automl.errors import JsonPath, format_path
from mmar_automl.mmar.environment import UnknownVariable, is_code, substitute
from mmar_automl.trainer import choices, implicit, names
from mmar_automl.trainer.checkpoint import TRUST
from mmar_automl.trainer.components import ComponentReader
from mmar_automl.trainer.expressions import BadExpression, expression, literal, reference
from mmar_automl.trainer.implicit import FIRST_ONLY, Machine
from mmar_automl.trainer.scopes import (
    MODEL_KEYS,
    Findings,
    Scopes,
    is_comment,
    is_component,
    is_model_file,
    names_of,
)

ALTERNATIVES = ("loss", "optimizer", "model", "lr_scheduler", "lr_policy")
"""Sections that may be a list, of which exactly one element is enabled."""
MODEL_FILES = {"from_torchscript": "ts_path", "from_checkpoint": "ckpt_path"}
"""How a model given by a file is loaded, and the key that gives the file."""
COMPOSE = "mmar_automl.trainer.cases.CaseCompose"


class Translator:
    """Carries what every part of the translation needs; one for each config."""

    def __init__(
        self,
        known: Mapping[str, Any],
        machine: Machine,
        scopes: Scopes,
        findings: Findings,
        reader: ComponentReader,
    ) -> None:
        self.known = known
        self.machine = machine
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
            return {"_target_": COMPOSE, "transforms": listed}
        if name == "handlers":
            return self.handlers(scope, items, path, id)
        if isinstance(value, list) and name in ALTERNATIVES:
            chosen = choices.alternative(self.scopes, self.findings, value, path)
            if chosen is None:
                return None
            value, path = chosen
        if name == "model" and is_model_file(value) and not is_component(value):
            return self.model_file(scope, value, path, id)
        if is_component(value):
            return self.component(scope, name, value, path, id)
        if name in (*ALTERNATIVES, "trainer", "evaluator", "inferer", "dataset", "dataloader"):
            self.findings.wrong(path, "a component needs a name or a path", value)
            return None
        return self.value(scope, value, path, id)

    def handlers(self, scope: str, items: list[Any], path: JsonPath, id: str) -> list[Any]:
        """The handlers of this process; of several processes only the first one writes."""
        made = self.components(scope, "handlers", items, path, id)
        dataset = self.scopes.sections[scope].get("dataset")
        smart = isinstance(dataset, dict) and names_of(dataset)[:1] == ("SmartCacheDataset",)
        if scope == "train" and smart and not any(_is_a(h, "SmartCacheHandler") for h in made):
            target = "monai.handlers.SmartCacheHandler"
            made.append({"_target_": target, "smartcacher": "@train::dataset"})
            self.findings.note("a SmartCacheHandler was added: without it nothing is replaced")
        return made

    def model_file(self, scope: str, item: dict[str, Any], path: JsonPath, id: str) -> Any:
        """A model that is a file: TorchScript, or weights whose network the file describes."""
        self.origins[id] = path
        key = next(k for k in MODEL_KEYS if k in item)
        loader = next(name for name, k in MODEL_FILES.items() if k == key)
        made = {
            "_target_": f"mmar_automl.trainer.models.{loader}",
            "file": self.value(scope, item[key], (*path, key), ""),
            "device": "@device",
        }
        if key == "ckpt_path":
            made["root"] = literal(str(self.findings.root))
            made["trusted"] = self.known.get(TRUST) is True
        return made

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
            if name == "handlers" and self.machine.rank and names_of(item)[0] in FIRST_ONLY:
                continue
            home, found, at = scope, item, place
            if "ref" in item:
                target = choices.referred(self.scopes, self.findings, name, items, index, place)
                if target is None or not self.scopes.is_enabled(*target):
                    continue
                home, (found, at) = "train", target
            made.append(self.component(home, name, found, at, f"{id}::{len(made)}"))
        return made

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
        implied = implicit.arguments(
            section, name, read.args, accepts, lambda n: self.is_there(scope, n)
        )
        made = {"_target_": read.target}
        for key, value in {**read.args, **implied}.items():
            made[key] = self.value(scope, value, (*path, "args", key), f"{id}::{key}")
        if section == "dataset":
            wanted = {k: self.value(scope, item[k], (*path, k), "") for k in implicit.DATA_KEYS
                      if k in item}  # fmt: skip
            implicit.add_data(made, wanted, str(self.known.get("PROCESSING_TASK", "")))
        for notice in implicit.adapt(scope, section, name, made, self.machine):
            self.findings.note(notice)
        for argument in read.signature.required if read.signature else ():
            if argument not in made:
                self.findings.wrong((*path, "args"), f"{name} needs the argument {argument!r}")
        return made

    def is_there(self, scope: str, name: str) -> bool:
        """Whether a section or variable exists for a component of `scope` to refer to.

        How an engine iterates is its own: the evaluator never borrows the trainer's.
        """
        if name == "iteration":
            return self.scopes.is_section(scope, name)
        return name in self.known or self.scopes.owner(scope, name) is not None

    def value(self, scope: str, value: Any, path: JsonPath, id: str) -> Any:
        """Any value below a component: variables filled in, references and code translated."""
        if isinstance(value, dict):
            if is_component(value) and "args" in value:
                on = self.scopes.is_enabled(value, path)
                return self.component(scope, "", value, path, id) if on else None
            return {k: self.value(scope, v, (*path, k), f"{id}::{k}") for k, v in value.items()}
        if (
            isinstance(value, list)
            and path[-1:] == ("transforms",)
            and any(is_component(item) for item in value)
        ):
            # As in an `iteration`: a chain of transforms among the arguments of a component.
            listed = self.components(scope, "transforms", value, path, f"{id}::transforms")
            return {"_target_": COMPOSE, "transforms": listed}
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


def _is_a(made: Any, name: str) -> bool:
    return isinstance(made, dict) and str(made.get("_target_", "")).endswith(f".{name}")
