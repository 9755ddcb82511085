"""What can be known to fail before the training: missing files, a validation that never comes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput, JsonPath, Problem, format_path
from mmar_automl.trainer.expressions import plain
from mmar_automl.trainer.translate import Translation
from mmar_automl.trainer.translator import MODEL_FILES

SHOWN = 3
"""How many missing files a message lists."""


def data_lists(translation: Translation, file: str) -> list[Problem]:
    """What is wrong with the data lists of the datasets of a translated config.

    Looks only whether files exist; reading them is the training's business.
    """
    problems: list[Problem] = []
    for scope in ("train", "validate"):
        dataset = translation.bundle.get(scope, {}).get("dataset")
        id = f"{scope}::dataset"
        listing = dataset.get("data") if isinstance(dataset, dict) else None
        if not isinstance(listing, dict) or "data_list_file_path" not in listing:
            continue
        path = translation.origins.get(id, (scope, "dataset"))
        problems += [
            Problem(severity="error", file=file, path=(*path, *tail), message=message, hint=hint,
                    **({} if value is None else {"value": value}))
            for tail, message, value, hint in _faults(listing)
        ]  # fmt: skip
    return problems


def model_files(translation: Translation, file: str) -> list[Problem]:
    """Models and checkpoints that the config loads and that are not there."""
    problems = []
    for id, made in _built_from(translation.bundle, ""):
        name = str(made["_target_"]).rpartition(".")[2]
        key = {"CheckpointLoader": "load_path"}.get(name, "file" if name in MODEL_FILES else "")
        path = translation.origins.get(id, ())
        wanted = plain(made.get(key)) if key else None
        if isinstance(wanted, str) and not os.path.exists(wanted):
            tail: JsonPath = ("args", key) if key == "load_path" else (MODEL_FILES[name],)
            problems.append(
                Problem(
                    severity="error",
                    file=file,
                    path=(*path, *tail),
                    value=wanted,
                    message="there is no such model",
                    hint="train first, or export for a .ts file; MMAR_CKPT and MMAR_TORCHSCRIPT "
                    "of environment.json or --set say where it is",
                )
            )
    return problems


def _built_from(node: Any, id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield id, node
        for key, child in node.items():
            yield from _built_from(child, f"{id}::{key}" if id else key)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _built_from(child, f"{id}::{index}")


def _faults(listing: Mapping[str, Any]) -> Iterable[tuple[JsonPath, str, Any, str]]:
    list_file, key = Path(str(plain(listing["data_list_file_path"]))), listing["data_list_key"]
    base = plain(listing.get("base_dir"))
    try:
        content = json.loads(list_file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        hint = "set DATASET_JSON in environment.json; prepare_dataset.sh may have to write it"
        yield ("data_list_file_path",), "the data list does not exist", str(list_file), hint
        return
    except (OSError, ValueError) as error:
        yield ("data_list_file_path",), f"the data list cannot be read: {error}", str(list_file), ""
        return
    items = content.get(key) if isinstance(content, dict) else None
    if not items:
        lists = [k for k, v in content.items() if isinstance(v, list)] if isinstance(
            content, dict) else []  # fmt: skip
        yield (("data_list_key",), f"{list_file} has no such list, or it is empty", key,
               f"it has {', '.join(lists)}" if lists else "")  # fmt: skip
        return
    root = Path(str(base)) if base else list_file.parent
    missing = [path for item in items for path in _files(item, root) if not path.exists()]
    if missing:
        shown = ", ".join(str(path) for path in missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        yield ((), f"{len(missing)} files of the {len(items)} cases in {key!r} are missing: "
               f"{shown}{more}", None, f"DATA_ROOT is {root}")  # fmt: skip


def _files(item: Any, root: Path) -> Iterable[Path]:
    """The image and label files of a case; a case may also be one image."""
    if isinstance(item, str):
        item = {"image": item}
    if not isinstance(item, dict):
        return
    for key in ("image", "label"):
        value = item.get(key)
        for text in value if isinstance(value, list) else [value]:
            # A label may be a class number; only what looks like a file is one.
            if isinstance(text, str) and (key == "image" or os.sep in text or "." in text):
                yield root / text


def validation(translation: Translation, file: str) -> list[Problem]:
    """What keeps a training config from training, or from ever having a score.

    A training that ends before its first validation has no score, however long it takes.
    """
    train = translation.bundle.get("train", {})
    if not train.get("trainer"):
        return [Problem(severity="error", message="the config has no trainer", file=file,
                        path=("train", "trainer"), hint="is it a validation config?")]  # fmt: skip
    handlers = list(_validations(translation))
    if not handlers:
        return [Problem(severity="warning", message="nothing validates, so there will be no score",
                        file=file, path=("train", "handlers"),
                        hint="a ValidationHandler in train.handlers does")]  # fmt: skip
    epochs = train["trainer"].get("max_epochs")
    return [
        Problem(
            severity="error",
            message=f"a validation every {interval} epochs never comes in {epochs} "
            f"epoch{'s' if epochs != 1 else ''}, so there would be no score",
            file=file,
            # A path of one step is 3.x's first-level switch itself.
            path=path if len(path) == 1 else (*path, "args", "interval"),
            value=interval,
            hint="train longer, or validate more often (num_interval_per_valid)",
        )
        for path, interval, by_epochs in handlers
        if by_epochs and isinstance(epochs, int) and interval > epochs
    ]


def validation_by_iterations(translation: Translation, trainer: Any) -> None:
    """The same for an interval in iterations, whose number only the built data loader tells."""
    length, epochs = trainer.state.epoch_length, trainer.state.max_epochs
    if not length or not epochs:
        return
    for path, interval, by_epochs in _validations(translation):
        if not by_epochs and interval > length * epochs:
            raise BadInput(
                f"{format_path((*path, 'args', 'interval'))}: a validation every {interval} "
                f"iterations never comes in {length * epochs}, so there would be no score"
            )


def _validations(translation: Translation) -> Iterator[tuple[JsonPath, int, bool]]:
    """Each ValidationHandler's place, interval, and whether that counts epochs."""
    for index, handler in enumerate(translation.bundle.get("train", {}).get("handlers") or []):
        if not handler or not handler["_target_"].endswith(".ValidationHandler"):
            continue
        interval = handler.get("interval")
        if handler.get("exec_at_start") or not isinstance(interval, int):
            interval = 0
        path = translation.origins[f"train::handlers::{index}"]
        yield path, interval, handler.get("epoch_level", True) is not False
