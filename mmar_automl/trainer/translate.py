"""A Clara 4.x training config as a MONAI bundle config: pure, without torch.

Clara's config names components by `name` or `path` with `args`, refers to them by `@section`
and runs code in `#…` and `lambda …`. A bundle config says the same with `_target_`, `@id` and
`$…`, and MONAI's ConfigParser instantiates it. Searched values are applied to Clara's config
and the whole translated afresh; bundle ids are never edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmar_automl.errors import MISSING, ConfigProblems, JsonPath, Problem, format_path
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

SCOPES = ("train", "validate")
ALTERNATIVES = ("loss", "optimizer", "model", "lr_scheduler", "lr_policy")
"""Sections that may be a list, of which exactly one element is enabled."""
FLAT_SECTIONS = ("evaluator",)
"""A first-level section that tells a validation or inference config from a training config."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A bundle config and where each part of it came from."""

    bundle: dict[str, Any]
    conf: dict[str, Any]
    """Clara's config with its variables filled in: what `@conf` is."""
    origins: dict[str, JsonPath]
    """Bundle id of a component → its JSON path in Clara's config."""
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def raise_problems(self) -> None:
        """Raise `ConfigProblems` if anything is wrong, with everything that is."""
        if any(problem.severity == "error" for problem in self.problems):
            raise ConfigProblems(self.problems)


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
    return _Translator(source, known, device, rank, folders).run()


@dataclass
class _Translator:
    source: JsonSource
    known: Mapping[str, Any]
    device: str
    rank: int
    folders: Sequence[Path]
    origins: dict[str, JsonPath] = field(default_factory=dict)
    notices: dict[str, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def run(self) -> Translation:
        config = self.source.data
        if not isinstance(config, dict):
            self.wrong((), "a training config is a JSON object", config)
            config = {}
        self.scopes: dict[str, dict[str, Any]] = {}
        self.prefix: dict[str, JsonPath] = {}
        if any(section in config for section in FLAT_SECTIONS):
            self.scopes["validate"], self.prefix["validate"] = config, ()
        else:
            for scope in SCOPES:
                if isinstance(config.get(scope), dict):
                    self.scopes[scope], self.prefix[scope] = config[scope], (scope,)
                elif scope in config:
                    self.wrong((scope,), "a section of a training config is an object",
                               config[scope])  # fmt: skip
            if "train" not in config:
                self.wrong(("train",), 'the config has no "train" section',
                           hint="a training config holds train and validate")  # fmt: skip
        self.conf = {k: self.filled(v) for k, v in config.items() if not _is_comment(k)}
        self.reader = ComponentReader(self.folders)
        bundle: dict[str, Any] = {
            "device": self.device,
            "conf": json_literal(self.conf),
            "conf_state": {
                "_target_": "mmar_automl.trainer.checkpoint.ConfigState",
                "config": "@conf",
            },
        }
        for scope in self.scopes:
            bundle[scope] = {
                name: self.section(scope, name, value)
                for name, value in self.scopes[scope].items()
                if self.is_section(scope, name) and not self.is_off(scope, name)
            }
        return Translation(
            bundle=bundle,
            conf=self.conf,
            origins=self.origins,
            notices=tuple(self.notices),
            problems=tuple(self.problems),
        )

    # What is where ------------------------------------------------------------------------

    def is_section(self, scope: str, name: str) -> bool:
        value = self.scopes[scope].get(name, MISSING)
        if _is_comment(name) or name in ("search", "apply") or value is MISSING:
            return False
        return isinstance(value, (dict, list)) and (bool(self.prefix[scope]) or name != "determinism")

    def is_off(self, scope: str, name: str) -> bool:
        """Whether a section is one component that is disabled or belongs to another rank."""
        value = self.scopes[scope][name]
        path = (*self.prefix[scope], name)
        return isinstance(value, dict) and not self.is_enabled(value, path, quiet=True)

    def has(self, scope: str, name: str) -> bool:
        return name in self.known or self.owner(scope, name) is not None

    def owner(self, scope: str, name: str) -> str | None:
        """The scope whose section an `@name` inside `scope` means: its own, then the other."""
        for candidate in (scope, *(other for other in SCOPES if other != scope)):
            if candidate in self.scopes and self.is_section(candidate, name):
                return candidate
        return None

    def resolve(self, scope: str, name: str, path: JsonPath, text: str) -> str:
        """What stands for `@name` in the bundle, as text for an expression or a whole value."""
        if name == "conf":
            return "@conf"
        owner = self.owner(scope, name)
        if owner is not None:
            if self.is_off(owner, name):
                where = format_path((*self.prefix[owner], name))
                self.wrong(path, f"@{name} refers to {where}, which is disabled", text)
            return f"@{owner}::{name}"
        if name == "device":
            return "@device"
        near = names.nearest(name, [s for scope in self.scopes for s in self.scopes[scope]
                                    if self.is_section(scope, s)])  # fmt: skip
        self.wrong(path, f"@{name} refers to nothing", text,
                   hint=f"did you mean @{near[0]}?" if near else "")  # fmt: skip
        return "@conf"

    # Sections -----------------------------------------------------------------------------

    def section(self, scope: str, name: str, value: Any) -> Any:
        path: JsonPath = (*self.prefix[scope], name)
        id = f"{scope}::{name}"
        if name.endswith("transforms"):
            return self.transforms(scope, name, value, path, id)
        if name in ("handlers", "additional_metrics", "metrics"):
            items = value if isinstance(value, list) else [value]
            if name == "handlers":
                return self.components(scope, name, items, path, id)
            return self.metrics(scope, items, path, id)
        if name == "key_metric":
            if isinstance(value, list):
                value, path = self.alternative(value, path)
            return self.metrics(scope, [value], path, id, alone=True)
        if isinstance(value, list) and name in ALTERNATIVES:
            value, path = self.alternative(value, path)
            if value is None:
                return None
        if isinstance(value, dict) and _is_component(value):
            return self.component(scope, name, value, path, id)
        if isinstance(value, dict) and name in (*ALTERNATIVES, "trainer", "evaluator", "inferer"):
            self.wrong(path, "a component needs a name or a path", value)
            return None
        return self.value(scope, value, path, id)

    def alternative(self, values: list[Any], path: JsonPath) -> tuple[Any, JsonPath]:
        """The one enabled element of a list of alternatives."""
        on = [i for i, v in enumerate(values)
              if isinstance(v, dict) and self.is_enabled(v, (*path, i))]  # fmt: skip
        if len(on) == 1:
            return values[on[0]], (*path, on[0])
        listed = ", ".join(str(values[i].get("name", values[i].get("path"))) for i in on)
        what = f"{len(on)} of its alternatives are enabled ({listed})" if on else (
            "none of its alternatives is enabled")  # fmt: skip
        self.wrong(path, f"{what}; exactly one must be",
                   hint='write "disabled": true into the others, or let a search choose')  # fmt: skip
        return (values[on[0]], (*path, on[0])) if on else (None, path)

    def transforms(self, scope: str, name: str, value: Any, path: JsonPath, id: str) -> Any:
        items = value if isinstance(value, list) else [value]
        return {
            "_target_": "monai.transforms.Compose",
            "transforms": self.components(scope, name, items, path, f"{id}::transforms"),
        }

    def components(
        self, scope: str, name: str, items: list[Any], path: JsonPath, id: str
    ) -> list[Any]:
        """A list of components without the disabled ones, each `ref` replaced by a new copy."""
        made: list[Any] = []
        for index, item in enumerate(items):
            place: JsonPath = (*path, index)
            if not isinstance(item, dict) or not ("ref" in item or _is_component(item)):
                self.wrong(place, "a component is an object with a name, a path or a ref", item)
                continue
            if not self.is_enabled(item, place):
                continue
            home, found, at = scope, item, place
            if "ref" in item:
                target = self.referred(name, items, index, place)
                if target is None:
                    continue
                home, found, at = target
            made.append(self.component(home, name, found, at, f"{id}::{len(made)}"))
        return made

    def referred(
        self, name: str, items: list[Any], index: int, path: JsonPath
    ) -> tuple[str, dict[str, Any], JsonPath] | None:
        """The component of the train section that a `ref` means; None if it is disabled.

        Names may repeat, so the first `ref` of a name means its first bearer, and so on.
        """
        ref = str(items[index]["ref"])
        train = self.scopes.get("train", {})
        lists = [name, *(n for n in train if n.endswith("transforms") and n != name)]
        for section in lists:
            bearers = [
                ((*self.prefix["train"], section, i), item)
                for i, item in enumerate(train.get(section) or [])
                if isinstance(item, dict) and ref in _names_of(item)
            ]
            if not bearers:
                continue
            rank = sum(isinstance(i, dict) and i.get("ref") == ref for i in items[:index])
            asked = sum(isinstance(i, dict) and i.get("ref") == ref for i in items)
            if asked != len(bearers):
                on = [b for b in bearers if self.is_enabled(b[1], b[0], quiet=True)]
                if asked > 1 or len(on) > 1:
                    self.wrong((*path, "ref"), f"{ref!r} stands {len(bearers)} times in "
                               f"{format_path(bearers[0][0][:-1])}", ref,
                               hint=f'name one "{ref}#some_id" and refer to "some_id"')  # fmt: skip
                    return None
                bearers, rank = on or bearers, 0
            at, item = bearers[rank]
            return ("train", item, at) if self.is_enabled(item, at, quiet=True) else None
        known = [n for section in lists for item in train.get(section) or []
                 if isinstance(item, dict) for n in _names_of(item)]  # fmt: skip
        near = names.nearest(ref, known)
        self.wrong((*path, "ref"), f"nothing in train is named {ref!r}", ref,
                   hint=f"did you mean {near[0]!r}?" if near else "")  # fmt: skip
        return None

    def metrics(
        self, scope: str, items: list[Any], path: JsonPath, id: str, *, alone: bool = False
    ) -> dict[str, Any]:
        """Metrics by their `log_label`, as MONAI's engines want them."""
        made: dict[str, Any] = {}
        for index, item in enumerate(items):
            place: JsonPath = path if alone else (*path, index)
            if not isinstance(item, dict) or not _is_component(item):
                self.wrong(place, "a metric is an object with a name or a path", item)
                continue
            if not self.is_enabled(item, place):
                continue
            label = item.get("log_label")
            if not isinstance(label, str) or not label:
                label = str(item.get("name", item.get("path"))).partition("#")[0]
                self.notices[f"{format_path(place)} has no log_label; it is called {label}"] = None
            key = self.scopes[scope].get("key_metric")
            twice = not alone and isinstance(key, dict) and key.get("log_label") == label
            if label in made or twice:
                self.wrong((*place, "log_label"), "two metrics have the same log_label", label,
                           hint="one would replace the other; give each its own")  # fmt: skip
            made[label] = self.component(scope, "metric", item, place, f"{id}::{label}")
        return made

    # Components and values ------------------------------------------------------------------

    def component(
        self, scope: str, section: str, item: dict[str, Any], path: JsonPath, id: str
    ) -> Any:
        self.origins[id] = path
        args = item.get("args", {})
        if not isinstance(args, dict):
            self.wrong((*path, "args"), "args is an object", args)
            args = {}
        given = {k: v for k, v in args.items() if not _is_comment(k)}
        read = self.reader.read(item, given, path)
        for problem in read.problems:
            self.wrong(problem.path, problem.message, problem.value, problem.hint, problem.severity)
        self.notices.update(dict.fromkeys(read.notices))
        if read.target is None:
            return None
        name = read.target.rpartition(".")[2]
        implied = implicit.arguments(section, name, read.args, lambda n: self.has(scope, n))
        made: dict[str, Any] = {"_target_": read.target}
        for key, value in {**read.args, **implied}.items():
            if read.signature is not None and key in implied and key not in read.signature.names:
                continue
            made[key] = self.value(scope, value, (*path, "args", key), f"{id}::{key}")
        self.adapt(scope, section, name, item, path, made)
        if read.signature is not None:
            missing = [a for a in read.signature.required if a not in made]
            for argument in missing:
                self.wrong((*path, "args"), f"{name} needs the argument {argument!r}")
        return made

    def adapt(
        self,
        scope: str,
        section: str,
        name: str,
        item: dict[str, Any],
        path: JsonPath,
        made: dict[str, Any],
    ) -> None:
        """What depends on the machine and on Clara's files rather than on the component."""
        if section in ("trainer", "evaluator"):
            made["device"] = "@device"
            if made.get("amp") and self.device == "cpu":
                made["amp"] = False
                self.notices["amp is off: mixed precision needs a GPU"] = None
        elif self.device == "cpu" and str(made.get("device", "")).startswith("cuda"):
            made["device"] = "cpu"
            self.notices[f"{format_path(path)}: there is no GPU, {name} works on the CPU"] = None
        if section == "evaluator" and "key_val_metric" in made:
            # MONAI's own comparison never gets over a first NaN.
            made.setdefault("metric_cmp_fn", "$lambda new, best: new > best or best != best")
        if section == "dataset":
            self.data_list(item, path, made)
        if name == "CheckpointSaver":
            made.update(implicit.saver_files(made))
            saved = made.get("save_dict")
            if isinstance(saved, dict):
                made["save_dict"] = {k: "@conf_state" if v == "@conf" else v
                                     for k, v in saved.items()}  # fmt: skip

    def data_list(self, item: dict[str, Any], path: JsonPath, made: dict[str, Any]) -> None:
        if "data_list_file_path" not in item or "data" in made:
            return
        values = {key: self.value("train", item[key], (*path, key), "")
                  for key in ("data_list_file_path", "data_list_key", "data_file_base_dir")
                  if key in item}  # fmt: skip
        made["data"] = {
            "_target_": "monai.data.load_decathlon_datalist",
            "data_list_file_path": values["data_list_file_path"],
            "is_segmentation": self.known.get("PROCESSING_TASK", "segmentation") == "segmentation",
            "data_list_key": values.get("data_list_key", "training"),
            "base_dir": values.get("data_file_base_dir"),
        }

    def value(self, scope: str, value: Any, path: JsonPath, id: str) -> Any:
        """Any value below a component: variables filled in, references and code translated."""
        if isinstance(value, dict):
            if _is_component(value) and "args" in value:
                if not self.is_enabled(value, path):
                    return None
                return self.component(scope, "", value, path, id)
            return {k: self.value(scope, v, (*path, k), f"{id}::{k}") for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(scope, v, (*path, i), f"{id}::{i}") for i, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        name = reference(value)
        if name is not None:
            return self.resolve(scope, name, path, value)
        if is_code(value):
            try:
                return expression(value, lambda n: self.resolve(scope, n, path, value))
            except BadExpression as error:
                self.wrong(path, str(error), value)
                return None
        try:
            filled = substitute(value, self.known)
        except UnknownVariable as error:
            near = names.nearest(error.name, self.known)
            self.wrong(path, str(error), value, hint=f"did you mean {{{near[0]}}}?" if near else (
                "define it at first level, in environment.json or by --set"))  # fmt: skip
            return None
        return literal(filled) if isinstance(filled, str) else filled

    def is_enabled(self, item: dict[str, Any], path: JsonPath, *, quiet: bool = False) -> bool:
        """Whether a component is to be built here: not disabled, and of this process's rank."""
        on = True
        disabled = item.get("disabled", False)
        if isinstance(disabled, str):
            try:
                disabled = substitute(disabled, self.known)
            except UnknownVariable as error:
                if not quiet:
                    self.wrong((*path, "disabled"), str(error), disabled)
                return True
        if isinstance(disabled, str) and disabled.lower() in ("true", "false"):
            disabled = disabled.lower() == "true"
        if isinstance(disabled, (bool, int, float)):
            on = not disabled
        elif not quiet:
            self.wrong((*path, "disabled"), "disabled is true or false", disabled)
        rank = item.get("rank", self.rank)
        return on and (rank == self.rank or not isinstance(rank, int))

    def filled(self, value: Any) -> Any:
        """`value` with its variables filled in where they are known, code and all kept."""
        if isinstance(value, dict):
            return {k: self.filled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.filled(v) for v in value]
        try:
            return substitute(value, self.known)
        except UnknownVariable:
            return value

    def wrong(
        self,
        path: JsonPath,
        message: str,
        value: Any = MISSING,
        hint: str = "",
        severity: Any = "error",
    ) -> None:
        problem = Problem(
            severity=severity,
            message=message,
            file=str(self.source.file),
            line=self.source.line(path),
            path=path,
            value=value,
            hint=hint,
        )
        if problem not in self.problems:
            self.problems.append(problem)


def _is_comment(key: str) -> bool:
    """Keys such as `__search` are entries that their author has taken out."""
    return key.startswith("_")


def _is_component(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("name", item.get("path")), str)


def _names_of(item: Mapping[str, Any]) -> tuple[str, ...]:
    """What a `ref` may call a component: its class name, or the id behind a `#`."""
    name, _, id = str(item.get("path") or item.get("name", "")).rpartition(".")[2].partition("#")
    _, _, named = str(item.get("name", "")).partition("#")
    return tuple(filter(None, (name, id, named)))


def dump(translation: Translation) -> str:
    """The bundle config as JSON text, for `python -m monai.bundle` and for reading."""
    return json.dumps(translation.bundle, indent=2, ensure_ascii=False)
