"""Which section of a Clara config an `@name` means, what is enabled, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mmar_automl.errors import MISSING, JsonPath, Problem, format_path
from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.mmar.source import JsonSource
from mmar_automl.trainer import names

SCOPES = ("train", "validate")
MODEL_KEYS = ("ts_path", "ckpt_path")
FLAT_SECTION = "evaluator"
"""At first level it tells a validation or inference config from a training config."""


class Findings:
    """Collects everything that is wrong with a config, each thing once, and what was changed."""

    def __init__(self, source: JsonSource) -> None:
        self._source = source
        self._problems: dict[tuple[Any, ...], Problem] = {}
        self._notices: dict[str, None] = {}

    @property
    def root(self) -> Path:
        """The MMAR's folder, two levels above its config."""
        return self._source.file.parent.parent

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems.values())

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(self._notices)

    def note(self, notice: str) -> None:
        self._notices[notice] = None

    def wrong(
        self,
        path: JsonPath,
        message: str,
        value: Any = MISSING,
        hint: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        self._problems[path, message] = self._source.problem(path, value, message, hint, severity)


class Scopes:
    """The `train` and `validate` sections of a config, or the one of a config that is flat."""

    def __init__(
        self, config: Any, known: Mapping[str, Any], rank: int, findings: Findings
    ) -> None:
        self._known = known
        self._rank = rank
        self._findings = findings
        self.sections: dict[str, dict[str, Any]] = {}
        self._prefix: dict[str, JsonPath] = {}
        if not isinstance(config, dict):
            findings.wrong((), "a training config is a JSON object", config)
        elif FLAT_SECTION in config:
            self.sections["validate"], self._prefix["validate"] = config, ()
        else:
            for scope in SCOPES:
                if isinstance(config.get(scope), dict):
                    self.sections[scope], self._prefix[scope] = config[scope], (scope,)
                elif scope in config:
                    findings.wrong((scope,), "this section is an object", config[scope])
            if "train" not in config:
                hint = "a training config holds train and validate"
                findings.wrong(("train",), 'the config has no "train" section', hint=hint)

    def path(self, scope: str, name: str) -> JsonPath:
        """Where a section stands in the file."""
        return (*self._prefix[scope], name)

    def is_section(self, scope: str, name: str) -> bool:
        """Whether `name` is something to build, and not a comment, a variable or a search."""
        value = self.sections.get(scope, {}).get(name)
        if is_comment(name) or name in ("search", "apply", "determinism", "metrics"):
            return False
        if name in ("key_metric", "additional_metrics") and self.metrics(scope, name):
            return True
        return isinstance(value, (dict, list))

    def metrics(self, scope: str, name: str) -> dict[JsonPath, Any]:
        """The entries of `key_metric` or `additional_metrics`, by place.

        4.0 has one list, `metrics`, of which one entry says `"is_key_metric": true`.
        """
        sections = self.sections.get(scope, {})
        path = self.path(scope, name) if scope in self.sections else ()
        if "metrics" not in sections or "key_metric" in sections:
            value = sections.get(name, [])
            if not isinstance(value, list):
                return {path: value}
            return {(*path, i): item for i, item in enumerate(value)}
        listed = sections["metrics"] if isinstance(sections["metrics"], list) else []
        return {
            (*self.path(scope, "metrics"), i): item
            for i, item in enumerate(listed)
            if bool(isinstance(item, dict) and item.get("is_key_metric")) is (name == "key_metric")
        }

    def owner(self, scope: str, name: str) -> str | None:
        """The scope whose section an `@name` inside `scope` means: its own, then the other's."""
        for candidate in (scope, *(other for other in SCOPES if other != scope)):
            if self.is_section(candidate, name):
                return candidate
        return None

    def is_off(self, scope: str, name: str) -> bool:
        """Whether a section is one component that is not to be built here."""
        value = self.sections[scope].get(name)
        return isinstance(value, dict) and not self.is_enabled(value, self.path(scope, name))

    def resolve(self, scope: str, name: str, path: JsonPath, text: str) -> str:
        """The bundle's words for `@name` as it stands at `path` inside `scope`."""
        if name == "conf":
            return "@conf"
        owner = self.owner(scope, name)
        if owner is not None:
            if self.is_off(owner, name):
                where = format_path(self.path(owner, name))
                message = f"@{name} refers to {where}, which is disabled"
                self._findings.wrong(path, message, text)
            return f"@{owner}::{name}"
        if name == "device":
            return "@device"
        there = [s for other in self.sections for s in self.sections[other]
                 if self.is_section(other, s)]  # fmt: skip
        near = names.nearest(name, there)
        hint = f"did you mean @{near[0]}?" if near else ""
        self._findings.wrong(path, f"@{name} refers to nothing", text, hint)
        return "@conf"

    def is_enabled(self, item: Mapping[str, Any], path: JsonPath) -> bool:
        """Whether a component is to be built here: not disabled, and of this process's rank."""
        disabled = item.get("disabled", False)
        if isinstance(disabled, str):
            try:
                disabled = substitute(disabled, self._known)
            except UnknownVariable as error:
                self._findings.wrong((*path, "disabled"), str(error), disabled)
                return True
        if isinstance(disabled, str) and disabled.lower() in ("true", "false"):
            disabled = disabled.lower() == "true"
        if not isinstance(disabled, (bool, int, float)):
            self._findings.wrong((*path, "disabled"), "disabled is true or false", disabled)
            return True
        rank = item.get("rank")
        return not disabled and (rank is None or rank == self._rank)


def is_comment(key: str) -> bool:
    """Keys such as `__search` are entries that their author has taken out."""
    return key.startswith("_")


def is_component(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name", item.get("path")), str)


def is_model_file(item: Any) -> bool:
    """Whether a `model` is given by its file alone, as in a validation config."""
    return isinstance(item, dict) and any(isinstance(item.get(k), str) for k in MODEL_KEYS)


def names_of(item: Mapping[str, Any]) -> tuple[str, ...]:
    """What a `ref` may call a component: its class's name, or the id behind a `#`."""
    name, _, id = str(item.get("path") or item.get("name", "")).rpartition(".")[2].partition("#")
    _, _, named = str(item.get("name", "")).partition("#")
    return tuple(filter(None, (name, id, named)))
