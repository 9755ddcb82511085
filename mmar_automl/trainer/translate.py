"""A Clara training config as a MONAI bundle config: pure, without torch.

Clara's config names components by `name` or `path` with `args`, refers to them by `@section`
and runs code in `#…` and `lambda …`. A bundle config says the same with `_target_`, `@id` and
`$…`, and MONAI's ConfigParser instantiates it. Searched values are applied to Clara's config
and the whole translated afresh; bundle ids are never edited. A config of 3.x is said in 4.1's
words first; see `vocabulary`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmar_automl.errors import JsonPath, Problem
from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.mmar.source import JsonSource
from mmar_automl.trainer.components import ComponentReader
from mmar_automl.trainer.expressions import json_literal
from mmar_automl.trainer.implicit import Machine
from mmar_automl.trainer.scopes import Findings, Scopes, is_comment
from mmar_automl.trainer.translator import Translator
from mmar_automl.trainer.vocabulary import config as vocabulary


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A bundle config and where each part of it came from."""

    bundle: dict[str, Any]
    conf: dict[str, Any]
    """Clara's config with its variables filled in: what `@conf` is."""
    origins: dict[str, JsonPath]
    """Bundle id of a component → its JSON path in the user's config."""
    notices: tuple[str, ...] = ()
    """What was said in today's words, a sentence each, for the user to see once."""
    problems: tuple[Problem, ...] = ()
    minimise: bool = False
    """Less of the key metric is better (`"key_metric_direction": "min"`)."""
    written: dict[str, Any] | None = None
    """The user's config as it stands, if `conf` says in 4.1's words what that says in 3.x's."""


def translate(
    source: JsonSource,
    known: Mapping[str, Any],
    *,
    device: str = "cpu",
    rank: int = 0,
    world: int = 1,
    folders: Sequence[Path] = (),
) -> Translation:
    """Translate a config whose variables are `known` (see `mmar.environment.variables`).

    `folders` hold the MMAR's own Python; `rank` is this process among `world`. Nothing
    is raised for a user's mistake: `problems` of the result has them all, each with its place.
    """
    if vocabulary.is_three(source.data):
        return _from_three(source, known, device, rank, world, folders)
    findings = Findings(source)
    direction = known.get("key_metric_direction", "max")
    if direction not in ("min", "max"):
        message = 'the direction of the key metric is "max" or "min"'
        findings.wrong(("key_metric_direction",), message, direction)
    machine = Machine(device=device, rank=rank, world=world, minimise=direction == "min")
    scopes = Scopes(source.data, known, rank, findings)
    translator = Translator(known, machine, scopes, findings, ComponentReader(folders))
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
        minimise=machine.minimise,
    )


def _from_three(
    source: JsonSource,
    known: Mapping[str, Any],
    device: str,
    rank: int,
    world: int,
    folders: Sequence[Path],
) -> Translation:
    """A config of 3.x by way of 4.1, with every place led back to where the user wrote it."""
    findings = Findings(source)
    converted = vocabulary.convert(source.data, known, findings)
    vocabulary.check_alternatives(source.data, known, findings)
    for problem in (p for p in findings.problems if p.severity == "error"):
        if len(problem.path) < 2:
            return Translation(bundle={}, conf={}, origins={}, problems=findings.problems)
    translation = translate(
        replace(source, data=converted.config),
        vocabulary.names_today(known),
        device=device,
        rank=rank,
        world=world,
        folders=folders,
    )
    told = [problem.path for problem in findings.problems if problem.severity == "error"]
    for problem in translation.problems:
        path = vocabulary.origin(converted.places, problem.path, source.data)
        if not any(other[: len(path)] == path for other in told):
            findings.wrong(path, problem.message, problem.value, problem.hint, problem.severity)
    for notice in translation.notices:
        findings.note(notice)
    return replace(
        translation,
        origins={
            id: vocabulary.origin(converted.places, path, source.data)
            for id, path in translation.origins.items()
        },
        notices=findings.notices,
        problems=findings.problems,
        written=source.data,
    )


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
