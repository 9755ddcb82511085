"""The data lists that a config names, checked before five seconds of imports and the training."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.errors import JsonPath, Problem
from mmar_automl.trainer.translate import Translation

SHOWN = 3
"""How many missing files a message lists."""


def check(translation: Translation, file: str) -> list[Problem]:
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


def _faults(listing: Mapping[str, Any]) -> Iterable[tuple[JsonPath, str, Any, str]]:
    list_file, key = Path(str(listing["data_list_file_path"])), listing["data_list_key"]
    base = listing.get("base_dir")
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
