"""What Clara's runtime supplies and a config leaves out, as bundle values.

4.1 configs leave out little (`device`, a dataset's `data`); 4.0 configs name almost nothing
and let everything find its place by name.
"""

from __future__ import annotations

from collections.abc import Callable
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
    section: str, name: str, given: dict[str, Any], has: Callable[[str], bool]
) -> dict[str, str]:
    """The arguments that a component of Clara's leaves to the runtime, in Clara's words.

    `has` says whether a section or variable exists; what does not exist is not referred to.
    An engine that names its network is written in full, so what it leaves out it does not want.
    """
    table = {**BY_SECTION.get(section, {}), **BY_NAME.get(name, {})}
    if section in ("trainer", "evaluator") and "network" not in given:
        table |= TRAINER if section == "trainer" else EVALUATOR
    return {arg: value for arg, value in table.items() if arg not in given and has(_named(value))}


def saver_files(args: dict[str, Any]) -> dict[str, Any]:
    """The file names of a CheckpointSaver that environment.json and Clara's scripts expect."""
    files: dict[str, Any] = {}
    if args.get("save_key_metric") and args.get("key_metric_n_saved", 1) == 1:
        files["key_metric_filename"] = "model.pt"
    if args.get("save_final"):
        files["final_filename"] = "final_model.pt"
    return {arg: value for arg, value in files.items() if arg not in args}


def _named(value: str) -> str:
    return value.strip("{}").removeprefix("#").removeprefix("@").partition(".")[0]
