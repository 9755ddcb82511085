"""A whole 3.x config in 4.1's words, with a note of where each part came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmar_automl.errors import JsonPath
from mmar_automl.trainer.scopes import Findings, is_comment, is_component
from mmar_automl.trainer.vocabulary import scoring, training
from mmar_automl.trainer.vocabulary.components import Converter, Places
from mmar_automl.trainer.vocabulary.entry import Made, component
from mmar_automl.trainer.vocabulary.facts import POLICIES, enabled, is_disabled, read_facts
from mmar_automl.trainer.vocabulary.scoring import Source

VERSION = "4.1.0"
SECTIONS = ("image_pipeline", "aux_ops", "batch_transforms")
"""Sections that 4.x has not: by them a config of 3.x is told."""
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


@dataclass(frozen=True)
class Change:
    """One line of the report: what stood where, what it is now, and what differs."""

    path: JsonPath
    was: str
    now: str
    differs: str = ""


def is_three(config: Any) -> bool:
    """Whether a config is one of Clara Train 3.x."""
    if not isinstance(config, Mapping):
        return False
    sections = (config, config.get("train"), config.get("validate"))
    return any(
        key in section for section in sections if isinstance(section, Mapping) for key in SECTIONS
    )


def names_today(known: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a 3.x MMAR with 4.1's names beside them; who gave those outranks."""
    return {**{new: known[old] for old, new in GLOBALS.items() if old in known}, **known}


def convert(config: Mapping[str, Any], known: Mapping[str, Any], findings: Findings) -> Converted:
    """Say a 3.x config in 4.1's words; what cannot be said goes to `findings`.

    Searches are not carried over here; see `searches`.
    """
    return _Conversion(config, known, findings).convert()


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


@dataclass
class _Conversion:
    config: Mapping[str, Any]
    known: Mapping[str, Any]
    findings: Findings
    places: Places = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facts = read_facts(self.config, self.known)
        validate = self.config.get("validate")
        listed = validate.get("pre_transforms") if isinstance(validate, Mapping) else None
        refs = frozenset(str(body["ref"]) for body in listed or () if "ref" in body)
        self.components = Converter(
            self.facts, self.known, self.findings, self.places, self.change, refs
        )

    def change(self, path: JsonPath, was: str, now: str, differs: str = "") -> None:
        self.changes.append(Change(path, was, now, differs))

    def convert(self) -> Converted:
        made = self._globals()
        train, validate = self.config.get("train"), self.config.get("validate")
        for name, body in (("train", train), ("validate", validate)):
            if not isinstance(body, Mapping):
                self.findings.wrong((name,), f'a 3.x config has a section "{name}"', body)
                return Converted(made, self.places, tuple(self.changes))
        assert isinstance(train, Mapping)
        assert isinstance(validate, Mapping)
        fields = self._fields(train)
        metrics = self._metrics(validate, fields)
        with_loss = any(source.loss for source, *_ in metrics)
        steps = self._policy_handlers(train)
        made["train"] = self._train(train, fields, steps, with_loss)
        made["validate"] = self._validate(validate, metrics, steps, with_loss)
        return Converted(made, self.places, tuple(self.changes))

    def _globals(self) -> dict[str, Any]:
        made: dict[str, Any] = {"CLARA_TRAIN_VERSION": VERSION}
        for key, value in self.config.items():
            if is_comment(key) or key in ("train", "validate", "search", "lr_search", "apply"):
                continue
            new = GLOBALS.get(key, key)
            if key in GONE:
                self.change((key,), key, "left out", GONE[key])
                continue
            if key == "determinism" and isinstance(value, Mapping):
                value = self._determinism(value)
            if new != key:
                self.change((key,), key, new)
            made[new] = value
            self.places[(new,)] = (key,)
        if "num_interval_per_valid" not in self.known:
            made["num_interval_per_valid"] = 1
        if "amp" not in self.known:
            made["amp"] = False
        return made

    def _determinism(self, value: Mapping[str, Any]) -> Any:
        seeds = ("random_seed", "numpy_seed", "tf_seed", "python_seed")
        found = next((value[name] for name in seeds if value.get(name) is not None), None)
        if isinstance(found, str):
            found = int(found) if found.isdigit() else 0
        if set(value) - {"random_seed"}:
            self.change(("determinism",), ", ".join(value), "random_seed",
                        "one seed for Python, numpy and torch")  # fmt: skip
        return {"random_seed": found}

    def _fields(self, train: Mapping[str, Any]) -> dict[str, Source]:
        """What the aux_ops compute, by the name of the field."""
        found: dict[str, Source] = {}
        for index, body in enumerate(self._listed(train, "train", "aux_ops")):
            path: JsonPath = ("train", "aux_ops", index)
            if is_component(body) and not is_disabled(body, self.known):
                found |= self.components.make(body, path, "aux_op", None) or {}
                self.change(path, str(body.get("name")), "train.key_metric",
                            self.components.differs(body))  # fmt: skip
        return found

    def _metrics(
        self, validate: Mapping[str, Any], fields: Mapping[str, Source]
    ) -> list[tuple[Source, Made, JsonPath]]:
        """The metrics of the validation, the key metric first."""
        found = []
        for index, body in enumerate(self._listed(validate, "validate", "metrics")):
            path: JsonPath = ("validate", "metrics", index)
            if not is_component(body) or is_disabled(body, self.known):
                continue
            made = self.components.make(body, path, "metric", None)
            if not made:
                continue
            source = made["field"]
            if isinstance(source, str):
                source = fields.get(source)
            if source is None:
                hint = f"there are {', '.join(fields)}" if fields else "train.aux_ops gives none"
                self.findings.wrong((*path, "args", "field"), "no aux_op computes this field",
                                    made["field"], hint)  # fmt: skip
                continue
            found.append((source, made, path))
        keys = [made for _, made, _ in found if made["key"]]
        if not found or len(keys) > 1 or (not keys and len(found) > 1):
            self.findings.wrong(("validate", "metrics"),
                                f"{len(keys)} of its metrics are the key metric; one must be",
                                hint='give one "is_key_metric": true')  # fmt: skip
        return sorted(found, key=lambda item: not item[1]["key"])

    def _policy_handlers(self, train: Mapping[str, Any]) -> dict[str, bool]:
        """What the policies of the config go by → whether the enabled one does."""
        name = next((name for name in POLICIES if name in train), None)
        if name is None:
            return {}
        bodies = train[name] if isinstance(train[name], list) else [train[name]]
        kinds = [_goes_by(body) for body in bodies if isinstance(body, Mapping)]
        return {kind: kind == _goes_by(enabled(train[name], self.known)) for kind in kinds}

    def _train(
        self, train: Mapping[str, Any], fields: Mapping[str, Source], steps: Mapping[str, bool],
        with_loss: bool,
    ) -> dict[str, Any]:  # fmt: skip
        where: JsonPath = ("train",)
        made: dict[str, Any] = {}
        path: JsonPath
        place: JsonPath
        for old, new, kind in (
            ("loss", "loss", "loss"),
            ("optimizer", "optimizer", "optimizer"),
            ("lr_policy", "lr_scheduler", "lr_policy"),
            ("lr_scheduler", "lr_scheduler", "lr_policy"),
            ("model", "model", "model"),
        ):
            if old in train:
                path, place = (*where, old), (*where, new)
                self.places[place] = path
                made[new] = self.components.section(train[old], kind, path, place)
        made["pre_transforms"] = self.components.chain(
            self._listed(train, "train", "pre_transforms"), where
        )
        made |= self._pipeline(train, "train")
        for index, body in enumerate(self._listed(train, "train", "batch_transforms")):
            path = (*where, "batch_transforms", index)
            if is_component(body) and self.components.make(body, path, "batch_transform", None):
                self.findings.wrong(path, "batches are not transformed today", body.get("name"),
                                    "write it into pre_transforms")  # fmt: skip
            self.change(path, str(body.get("name")), "left out", self.components.differs(body))
        made["inferer"] = component("SimpleInferer")
        handlers = [
            _switched(training.steps_handler(by), on) for by, on in steps.items()
            if by != "validation"
        ]  # fmt: skip
        interval = component("ValidationHandler", validator="@evaluator", epoch_level=True,
                             interval="{num_interval_per_valid}")  # fmt: skip
        loss = "#monai.handlers.from_engine(['loss'], first=True)"
        stats = component("StatsHandler", tag_name="train_loss", iteration_log=False,
                          output_transform=loss)  # fmt: skip
        place = (*where, "handlers", len(handlers))
        self.places[place] = ("num_training_epoch_per_valid",)
        made["handlers"] = [*handlers, interval, {**stats, "rank": 0}]
        made["post_transforms"] = scoring.post_transforms(self.components.context,
                                                          with_loss=with_loss)  # fmt: skip
        dice = next(((name, s) for name, s in fields.items() if not s.loss), None)
        if dice is not None:
            made["key_metric"] = scoring.metric(dice[1], f"train_{dice[0]}", self.facts)
        made["trainer"] = component(
            "SupervisedTrainer",
            max_epochs="{epochs}",
            train_data_loader="@dataloader",
            network="@model",
            loss_function="@loss",
            optimizer="@optimizer",
            inferer="@inferer",
            postprocessing="@post_transforms",
            **({"key_train_metric": "@key_metric"} if dice is not None else {}),
            train_handlers="@handlers",
            amp="{amp}",
        )
        self._rest(train, where)
        return made

    def _validate(
        self, validate: Mapping[str, Any], metrics: list[tuple[Source, Made, JsonPath]],
        steps: Mapping[str, bool], with_loss: bool,
    ) -> dict[str, Any]:  # fmt: skip
        where: JsonPath = ("validate",)
        made: dict[str, Any] = {
            "pre_transforms": self.components.chain(
                self._listed(validate, "validate", "pre_transforms"), where
            )
        }
        made |= self._pipeline(validate, "validate")
        if "inferer" in validate:
            place: JsonPath = (*where, "inferer")
            made["inferer"] = self.components.section(validate["inferer"], "inferer", place, place)
        elif self.config.get("use_scanning_window") is True:
            made["inferer"] = component("SlidingWindowInferer", roi_size=self.facts.crop_size,
                                        sw_batch_size=1)  # fmt: skip
        else:
            made["inferer"] = component("SimpleInferer")
        handlers = [{**component("StatsHandler", iteration_log=False,
                                 output_transform="lambda x: None"), "rank": 0}]  # fmt: skip
        if "validation" in steps:
            handlers.append(_switched(training.steps_handler("validation"), steps["validation"]))
        handlers += [
            component("MetricsSaver", save_dir=m["report"], metrics="*")
            for _, m, _ in metrics if m.get("report")
        ]  # fmt: skip
        saver = component("CheckpointSaver", save_dir="{MMAR_CKPT_DIR}", save_key_metric=True,
                          save_dict={"model": "@model", "train_conf": "@conf"})  # fmt: skip
        made["handlers"] = [*handlers, {**saver, "rank": 0}]
        made["post_transforms"] = [
            {"ref": post["name"]}
            for post in scoring.post_transforms(self.components.context, with_loss=with_loss)
        ]
        made_metrics = []
        for source, body, path in metrics:
            made_metrics.append(scoring.metric(source, body["label"], self.facts))
            new: JsonPath = ("validate", "key_metric")
            if len(made_metrics) > 1:
                new = ("validate", "additional_metrics", len(made_metrics) - 2)
            self.places[new] = path
            old = self._listed(validate, "validate", "metrics")[int(path[-1])]
            self.change(path, str(old.get("name")), made_metrics[-1]["name"],
                        self.components.differs(old))  # fmt: skip
        if made_metrics:
            made["key_metric"] = made_metrics[0]
        if made_metrics[1:]:
            made["additional_metrics"] = made_metrics[1:]
        made["evaluator"] = component(
            "SupervisedEvaluator",
            val_data_loader="@dataloader",
            network="@model",
            inferer="@inferer",
            postprocessing="@post_transforms",
            key_val_metric="@key_metric",
            **({"additional_metrics": "@additional_metrics"} if made_metrics[1:] else {}),
            val_handlers="@handlers",
            amp="{amp}",
        )
        self._rest(validate, where)
        return made

    def _pipeline(self, section: Mapping[str, Any], scope: str) -> Made:
        """The dataset and the loader of an image pipeline; a training's cases come in any order."""
        path: JsonPath = (scope, "image_pipeline")
        body = section.get("image_pipeline")
        if not isinstance(body, Mapping) or not is_component(body):
            self.findings.wrong(path, "an image pipeline needs a name", body)
            return {}
        made = self.components.make(body, path, "image_pipeline", None)
        if made is None:
            return {}
        made["dataloader"]["args"]["shuffle"] = scope == "train"
        for name in ("dataset", "dataloader"):
            self.places[(scope, name)] = path
        now = f"{made['dataset']['name']} and DataLoader"
        self.change(path, str(body["name"]), now, self.components.differs(body))
        return made

    def _listed(self, section: Mapping[str, Any], scope: str, name: str) -> list[Any]:
        value = section.get(name, [])
        if not isinstance(value, list):
            value = [value]
        for index, body in enumerate(value):
            if not is_component(body) and not (isinstance(body, Mapping) and "ref" in body):
                self.findings.wrong((scope, name, index), "a component needs a name", body)
        return [body for body in value if isinstance(body, Mapping)]

    def _rest(self, section: Mapping[str, Any], where: JsonPath) -> None:
        """Sections that nobody has read."""
        read = ("loss", "optimizer", *POLICIES, "model", "pre_transforms", "image_pipeline",
                "aux_ops", "batch_transforms", "metrics", "inferer", "handlers",
                "search", "apply")  # fmt: skip
        for key in section:
            if key not in read and not is_comment(key):
                self.findings.wrong((*where, key), "3.x has no such section", section[key],
                                    "it is ignored", "warning")  # fmt: skip
        for index, body in enumerate(self._listed(section, str(where[0]), "handlers")):
            name = body.get("name")
            path: JsonPath = (*where, "handlers", index)
            if name == "StatsHandler":
                self.change(path, name, "StatsHandler", "MONAI's says less")
            else:
                self.findings.wrong(
                    path, "handlers of 3.x saw TensorFlow's training and cannot see this one", name,
                    "StatsHandler is there in any case; write others for MONAI, in a 4.1 config",
                )  # fmt: skip


def _goes_by(body: Mapping[str, Any]) -> str:
    return training.STEPS.get(str(body.get("name")), "epoch")


def _switched(made: Made, on: bool) -> Made:
    """A handler of one of several policies: on with its policy."""
    return made if on else {**made, "disabled": True}
