"""A whole 3.x config in 4.1's words, with a note of where each part came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmar_automl.errors import JsonPath
from mmar_automl.trainer.choices import EXACTLY_ONE
from mmar_automl.trainer.scopes import Findings, is_comment, is_component, names_of
from mmar_automl.trainer.vocabulary import scores, sections
from mmar_automl.trainer.vocabulary.components import Places
from mmar_automl.trainer.vocabulary.conversion import Change, Conversion
from mmar_automl.trainer.vocabulary.facts import POLICIES, is_disabled

VERSION = "4.1.0"
SECTIONS = ("image_pipeline", "aux_ops", "batch_transforms")
"""Sections that 4.x has not: by them a config of 3.x is told."""
VALIDATION = ("val_metrics", "label_transforms", "model_loader")
"""First-level sections by which a validation config of 3.x is told."""
GLOBALS = {
    "num_training_epoch_per_valid": "num_interval_per_valid",
    "use_amp": "amp",
}
"""First-level switch of 3.x → of 4.1."""
GONE = {
    "train_summary_recording_interval": "TensorBoard's interval is its handler's business",
    "dynamic_input_shape": "torch takes every shape as it comes",
    "use_scanning_window": "the validation's inferer says it",
}
"""First-level switches without a meaning today."""


@dataclass(frozen=True)
class Converted:
    """A 4.1 config; `places` leads from its parts back to the 3.x config."""

    config: dict[str, Any]
    places: Places
    changes: tuple[Change, ...] = ()


def is_three(config: Any) -> bool:
    """Whether a config is one of Clara Train 3.x."""
    if not isinstance(config, Mapping):
        return False
    sections = (config, config.get("train"), config.get("validate"))
    return is_validation(config) or any(
        key in section for section in sections if isinstance(section, Mapping) for key in SECTIONS
    )


def is_validation(config: Mapping[str, Any]) -> bool:
    """Whether a config is one that 3.x validated or inferred with."""
    return "train" not in config and any(key in config for key in (*VALIDATION, *SECTIONS))


def names_today(known: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a 3.x MMAR with 4.1's names beside them; who gave those outranks."""
    return {**{new: known[old] for old, new in GLOBALS.items() if old in known}, **known}


def convert(config: Mapping[str, Any], known: Mapping[str, Any], findings: Findings) -> Converted:
    """Say a 3.x config in 4.1's words; what cannot be said goes to `findings`.

    Searches are not carried over here; see `searches`.
    """
    c = Conversion(config, known, findings)
    made = _globals(c)
    if is_validation(config):
        findings.wrong(
            (),
            "a validation config of Clara 3.x cannot be read",
            hint="mmar-automl evaluate -c config/config_train.json validates models/model.pt by "
            "the training config",
        )
        return Converted(made, c.places, tuple(c.changes))
    halves: dict[str, Mapping[str, Any]] = {}
    for name in ("train", "validate"):
        half = config.get(name)
        if not isinstance(half, Mapping):
            findings.wrong((name,), f'a 3.x config has a section "{name}"', half)
            return Converted(made, c.places, tuple(c.changes))
        halves[name] = half
    fields = scores.fields(c, halves["train"])
    metrics = scores.metrics(c, halves["validate"], fields)
    with_loss = any(source.loss for source, *_ in metrics)
    steps = sections.policy_handlers(c, halves["train"])
    made["train"] = sections.train(c, halves["train"], fields, steps, with_loss)
    made["validate"] = sections.validate(c, halves["validate"], metrics, steps, with_loss)
    return Converted(made, c.places, tuple(c.changes))


def check_alternatives(
    config: Mapping[str, Any], known: Mapping[str, Any], findings: Findings
) -> None:
    """What the translation would say of several enabled ones, in the user's words.

    A conversion leaves them as they are: it may be that only a search chooses.
    """
    train = config.get("train")
    for name, value in train.items() if isinstance(train, Mapping) else ():
        if name not in ("loss", "optimizer", *POLICIES, "model") or not isinstance(value, list):
            continue
        on = [body for body in value if is_component(body) and not is_disabled(body, known)]
        if len(on) > 1:
            listed = ", ".join(names_of(body)[0] for body in on)
            findings.wrong(
                ("train", name),
                f"{len(on)} of its alternatives are enabled ({listed}); {EXACTLY_ONE}",
                hint='write "disabled": true into the others, or let a search choose',
            )


def origin(places: Places, path: JsonPath, config: Any) -> JsonPath:
    """Where in the 3.x config a place of the 4.1 config comes from.

    An argument keeps its place only if the old component has one of that name.
    """
    for end in range(len(path), 0, -1):
        if path[:end] in places:
            whole = (*places[path[:end]], *path[end:])
            node = config
            for step in whole:
                inside = isinstance(node, Mapping) and step in node
                if not inside and not (isinstance(node, list) and isinstance(step, int)
                                       and step < len(node)):  # fmt: skip
                    return places[path[:end]]
                node = node[step]
            return whole
    return path[:1] if path[:1] in (("train",), ("validate",)) else ()


def _globals(c: Conversion) -> dict[str, Any]:
    made: dict[str, Any] = {"CLARA_TRAIN_VERSION": VERSION}
    for key, value in c.config.items():
        if is_comment(key) or key in ("train", "validate", "search", "lr_search", "apply"):
            continue
        new = GLOBALS.get(key, key)
        if key in GONE:
            c.change((key,), key, "left out", GONE[key])
            continue
        if key == "determinism" and isinstance(value, Mapping):
            value = _determinism(c, value)
        if new != key:
            c.change((key,), key, new)
        made[new] = value
        c.places[(new,)] = (key,)
    for name, value in (("num_interval_per_valid", 1), ("amp", False)):
        if name not in c.known:
            made.setdefault(name, value)
    return made


def _determinism(c: Conversion, value: Mapping[str, Any]) -> Any:
    seeds = ("random_seed", "numpy_seed", "tf_seed", "python_seed")
    found = next((value[name] for name in seeds if value.get(name) is not None), None)
    if isinstance(found, str):
        found = int(found) if found.isdigit() else 0
    if set(value) - {"random_seed"}:
        c.change(("determinism",), ", ".join(value), "random_seed",
                    "one seed for Python, numpy and torch")  # fmt: skip
    return {"random_seed": found}
