"""The sections of `train` and `validate`, put together anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmar_automl.errors import JsonPath
from mmar_automl.trainer.scopes import is_comment, is_component
from mmar_automl.trainer.vocabulary import scoring, training
from mmar_automl.trainer.vocabulary.conversion import Conversion
from mmar_automl.trainer.vocabulary.entry import Made, component
from mmar_automl.trainer.vocabulary.facts import POLICIES, enabled, is_disabled
from mmar_automl.trainer.vocabulary.scoring import Source

_NEEDED = ("loss", "optimizer", "model")


def policy_handlers(c: Conversion, train: Mapping[str, Any]) -> dict[str, bool]:
    """What the policies of the config go by → whether the enabled one does."""
    name = next((name for name in POLICIES if name in train), None)
    if name is None:
        return {}
    bodies = train[name] if isinstance(train[name], list) else [train[name]]
    kinds = [_goes_by(body) for body in bodies if isinstance(body, Mapping)]
    return {kind: kind == _goes_by(enabled(train[name], c.known)) for kind in kinds}


def train(
    c: Conversion,
    train: Mapping[str, Any],
    fields: Mapping[str, Source],
    steps: Mapping[str, bool],
    with_loss: bool,
) -> dict[str, Any]:
    """The `train` section; `steps` are what the policies go by, `with_loss` keeps the logits."""
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
            c.places[place] = path
            made[new] = c.components.section(train[old], kind, path, place)
        elif old in _NEEDED:
            c.findings.wrong((*where, old), f'train has no "{old}"')
            made[new] = {}
    if c.facts.vae and "loss" in made:
        made["loss"] = training.with_penalty(made["loss"])
    made["pre_transforms"] = c.components.chain(c.listed(train, "train", "pre_transforms"), where)
    made |= _pipeline(c, train, "train")
    for index, body in enumerate(c.listed(train, "train", "batch_transforms")):
        path = (*where, "batch_transforms", index)
        if is_component(body) and c.components.make(body, path, "batch_transform", None):
            c.findings.wrong(path, "batches are not transformed today", body.get("name"),
                                "write it into pre_transforms")  # fmt: skip
        c.change(path, str(body.get("name")), "left out", c.components.differs(body))
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
    c.places[place] = ("num_training_epoch_per_valid",)
    made["handlers"] = [*handlers, interval, {**stats, "rank": 0}]
    made["post_transforms"] = scoring.post_transforms(c.components.context,
                                                      with_loss=with_loss)  # fmt: skip
    dice = next(((name, s) for name, s in fields.items() if not s.loss), None)
    if dice is not None:
        made["key_metric"] = scoring.metric(dice[1], f"train_{dice[0]}", c.facts)
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
    _rest(c, train, where)
    return made


def validate(
    c: Conversion,
    validate: Mapping[str, Any],
    metrics: list[tuple[Source, Made, JsonPath]],
    steps: Mapping[str, bool],
    with_loss: bool,
) -> dict[str, Any]:
    """The `validate` section; what its post transforms are is the training's say."""
    where: JsonPath = ("validate",)
    made: dict[str, Any] = {
        "pre_transforms": c.components.chain(
            c.listed(validate, "validate", "pre_transforms"), where
        )
    }
    made |= _pipeline(c, validate, "validate")
    if "inferer" in validate:
        place: JsonPath = (*where, "inferer")
        made["inferer"] = c.components.section(validate["inferer"], "inferer", place, place)
    elif c.known.get("use_scanning_window", c.config.get("use_scanning_window")) is True:
        if c.facts.crop_size is None:
            c.findings.wrong(("use_scanning_window",), "nothing says how large the window is", True,
                             "give validate an inferer, as TFScanWindowInferer")  # fmt: skip
        made["inferer"] = component("SlidingWindowInferer", roi_size=c.facts.crop_size,
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
        for post in scoring.post_transforms(c.components.context, with_loss=with_loss)
    ]
    made_metrics = []
    for source, body, path in metrics:
        made_metrics.append(scoring.metric(source, body["label"], c.facts))
        new: JsonPath = ("validate", "key_metric")
        if len(made_metrics) > 1:
            new = ("validate", "additional_metrics", len(made_metrics) - 2)
        c.places[new] = path
        old = c.listed(validate, "validate", "metrics")[int(path[-1])]
        c.change(path, str(old.get("name")), made_metrics[-1]["name"],
                    c.components.differs(old))  # fmt: skip
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
    _rest(c, validate, where)
    return made


def _pipeline(c: Conversion, section: Mapping[str, Any], scope: str) -> Made:
    """The dataset and the loader of an image pipeline; a training's cases come in any order."""
    path: JsonPath = (scope, "image_pipeline")
    body = section.get("image_pipeline")
    if not isinstance(body, Mapping) or not is_component(body):
        c.findings.wrong(path, "an image pipeline needs a name", body)
        return {}
    made = c.components.make(body, path, "image_pipeline", None)
    if made is None:
        return {}
    made["dataloader"]["args"].setdefault("shuffle", scope == "train")
    for name in ("dataset", "dataloader"):
        c.places[(scope, name)] = path
    now = f"{made['dataset']['name']} and DataLoader"
    c.change(path, str(body["name"]), now, c.components.differs(body))
    return made


def _rest(c: Conversion, section: Mapping[str, Any], where: JsonPath) -> None:
    """Sections that nobody has read."""
    read = ("loss", "optimizer", *POLICIES, "model", "pre_transforms", "image_pipeline",
            "aux_ops", "batch_transforms", "metrics", "inferer", "handlers",
            "search", "apply")  # fmt: skip
    for key in section:
        if key not in read and not is_comment(key):
            c.findings.wrong((*where, key), "3.x has no such section", section[key],
                                "it is ignored", "warning")  # fmt: skip
    for index, body in enumerate(c.listed(section, str(where[0]), "handlers")):
        name = body.get("name")
        path: JsonPath = (*where, "handlers", index)
        if is_disabled(body, c.known):
            c.change(path, str(name), "left out", "it was disabled")
        elif name == "StatsHandler":
            c.change(path, name, "StatsHandler", "MONAI's says less")
        else:
            c.findings.wrong(
                path, "handlers of 3.x saw TensorFlow's training and cannot see this one", name,
                "StatsHandler is there in any case; write others for MONAI, in a 4.1 config",
            )  # fmt: skip


def _goes_by(body: Mapping[str, Any]) -> str:
    return training.STEPS.get(str(body.get("name")), "epoch")


def _switched(made: Made, on: bool) -> Made:
    """A handler of one of several policies: on with its policy."""
    return made if on else {**made, "disabled": True}
