"""What a conversion carries from section to section: the config, what was found, what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmar_automl.errors import JsonPath
from mmar_automl.trainer.scopes import Findings, is_component
from mmar_automl.trainer.vocabulary.components import Converter, Places
from mmar_automl.trainer.vocabulary.facts import read_facts


@dataclass(frozen=True)
class Change:
    """One line of the report: what stood where, what it is now, and what differs."""

    path: JsonPath
    was: str
    now: str
    differs: str = ""


@dataclass
class Conversion:
    """Of one 3.x config."""

    config: Mapping[str, Any]
    known: Mapping[str, Any]
    findings: Findings
    places: Places = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facts = read_facts(self.config, self.known)
        validate = self.config.get("validate")
        listed = validate.get("pre_transforms") if isinstance(validate, Mapping) else None
        refs = frozenset(
            str(body["ref"])
            for body in (listed if isinstance(listed, list) else ())
            if isinstance(body, Mapping) and "ref" in body
        )
        self.components = Converter(
            self.facts, self.known, self.findings, self.places, self.change, refs
        )

    def change(self, path: JsonPath, was: str, now: str, differs: str = "") -> None:
        """Add a line to the report."""
        self.changes.append(Change(path, was, now, differs))

    def listed(self, section: Mapping[str, Any], scope: str, name: str) -> list[Any]:
        """The components of a section that is a list; what is none is told."""
        value = section.get(name, [])
        if not isinstance(value, list):
            value = [value]
        for index, body in enumerate(value):
            if not is_component(body) and not (isinstance(body, Mapping) and "ref" in body):
                self.findings.wrong((scope, name, index), "a component needs a name", body)
        return [body for body in value if isinstance(body, Mapping)]
