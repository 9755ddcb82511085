"""What Clara's runtime supplies and a config leaves out, and what depends on the machine.

4.1 configs leave out little (`device`, a dataset's `data`); 4.0 configs name almost nothing
and let everything find its place by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

BY_SECTION: dict[str, dict[str, str]] = {
    "optimizer": {"params": "#@model.parameters()"},
    "lr_scheduler": {"optimizer": "@optimizer"},
    "lr_policy": {"optimizer": "@optimizer"},
    "dataset": {"transform": "@pre_transforms"},
    "dataloader": {"dataset": "@dataset"},
}
"""Section → argument → what it is in Clara's own words, where the config does not say."""

BY_NAME: dict[str, dict[str, str]] = {
    "LrScheduleHandler": {"lr_scheduler": "@lr_scheduler"},
    "ValidationHandler": {"validator": "@evaluator"},
    "SmartCacheHandler": {"smartcacher": "@dataset"},
}

TRAINER = {
    "max_epochs": "{epochs}",
    "train_data_loader": "@dataloader",
    "network": "@model",
    "optimizer": "@optimizer",
    "loss_function": "@loss",
    "inferer": "@inferer",
    "postprocessing": "@post_transforms",
    "key_train_metric": "@key_metric",
    "additional_metrics": "@additional_metrics",
    "train_handlers": "@handlers",
    "amp": "{amp}",
}
EVALUATOR = {
    "val_data_loader": "@dataloader",
    "network": "@model",
    "inferer": "@inferer",
    "postprocessing": "@post_transforms",
    "key_val_metric": "@key_metric",
    "additional_metrics": "@additional_metrics",
    "val_handlers": "@handlers",
    "amp": "{amp}",
}


def arguments(
    section: str,
    name: str,
    given: dict[str, Any],
    accepts: Sequence[str],
    exists: Callable[[str], bool],
) -> dict[str, str]:
    """The arguments that a component of Clara's leaves to the runtime, in Clara's words.

    `exists` says whether there is such a section or variable; what is not there is not referred
    to. An engine that names its network is written in full: what it leaves out it does not want.
    """
    table = {**BY_SECTION.get(section, {}), **BY_NAME.get(name, {})}
    if section in ("trainer", "evaluator") and "network" not in given:
        table |= TRAINER if section == "trainer" else EVALUATOR
    if section in ("trainer", "evaluator"):
        table["iteration_update"] = "@iteration"
    return {
        arg: value
        for arg, value in table.items()
        if arg in accepts and arg not in given and exists(_named(value))
    }


DATA_KEYS = ("data_list_file_path", "data_list_key", "data_file_base_dir")
"""Keys of a dataset beside its `args`, from which Clara's runtime reads the cases."""


def add_data(made: dict[str, Any], wanted: dict[str, Any], task: str) -> None:
    """Give a translated dataset its cases: those of the data list that `wanted` names."""
    if "data_list_file_path" not in wanted or "data" in made:
        return
    made["data"] = {
        "_target_": "monai.data.load_decathlon_datalist",
        "data_list_file_path": wanted["data_list_file_path"],
        "is_segmentation": task in ("segmentation", ""),
        "data_list_key": wanted.get("data_list_key", "training"),
        "base_dir": wanted.get("data_file_base_dir"),
    }


def _named(value: str) -> str:
    return value.strip("{}").removeprefix("#").removeprefix("@").partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the components are fitted to."""

    device: str = "cpu"
    rank: int = 0
    world: int = 1
    minimise: bool = False
    """Less of the key metric is better."""


FIRST_ONLY = (
    "CheckpointSaver",
    "StatsHandler",
    "TensorBoardStatsHandler",
    "TensorBoardImageHandler",
    "ProgressBar",
    "ClassificationSaver",
)
"""Handlers that write: of several processes the first one's are enough."""


def adapt(
    scope: str, section: str, name: str, made: dict[str, Any], machine: Machine
) -> tuple[str, ...]:
    """Fit a translated component to the machine and to Clara's files; returns the notices."""
    notices = []
    on_cpu = machine.device == "cpu"
    if section in ("trainer", "evaluator"):
        made["device"] = "@device"
        if made.get("amp") and on_cpu:
            made["amp"] = False
            notices.append("amp is off: mixed precision needs a GPU")
        if "key_val_metric" in made:
            # MONAI's own comparison never gets over a first NaN.
            sign = "<" if machine.minimise else ">"
            compare = f"$lambda new, best: new {sign} best or best != best"
            made.setdefault("metric_cmp_fn", compare)
    elif on_cpu and str(made.get("device", "")).startswith("cuda"):
        made["device"] = "cpu"
        notices.append(f"{name} works on the CPU, as there is no GPU")
    if section == "dataloader" and machine.world > 1:
        _share(scope, made)
    if name == "CheckpointSaver":
        _name_files(made)
        if machine.minimise and scope == "validate" and made.get("save_key_metric"):
            made.setdefault("key_metric_negative_sign", True)
        saved = made.get("save_dict")
        if isinstance(saved, dict):
            made["save_dict"] = {k: "@conf_state" if v == "@conf" else v for k, v in saved.items()}
    return tuple(notices)


def _share(scope: str, made: dict[str, Any]) -> None:
    """Each of several processes loads its part of the cases, none twice in a validation."""
    if "sampler" in made or "batch_sampler" in made or "dataset" not in made:
        return
    made["sampler"] = {
        "_target_": "monai.data.DistributedSampler",
        "dataset": made["dataset"],
        "shuffle": bool(made.pop("shuffle", False)),
        "even_divisible": scope == "train",
    }


def _name_files(made: dict[str, Any]) -> None:
    """The checkpoints' names that environment.json and Clara's scripts expect.

    MONAI would call the best `checkpoint_key_metric=0.4633.pt`.
    """
    if made.get("save_key_metric") and made.get("key_metric_n_saved", 1) == 1:
        made.setdefault("key_metric_filename", "model.pt")
    if made.get("save_final"):
        made.setdefault("final_filename", "final_model.pt")
