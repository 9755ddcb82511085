"""The data list that a training reads: whether it and the files that it names are there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.errors import MISSING, JsonPath, Problem
from mmar_automl.mmar.environment import UnknownVariable, locate_data, substitute
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json

_KEYS = ("data_list_file_path", "data_file_base_dir", "data_list_key")
_SHOWN = 3
"""So many missing files of a list are named; the rest are counted."""


def check_data_list(mmar: Mmar) -> list[Problem]:
    """What is missing of the data that the config's datasets read."""
    problems: list[Problem] = []
    for place, dataset in _datasets(mmar.train_config.data):
        before = len(problems)
        filled: dict[str, Any] = {}
        for key in _KEYS:
            path: JsonPath = (*place, key)
            try:
                filled[key] = substitute(dataset.get(key), mmar.variables)
            except UnknownVariable as error:
                hint = "define it in config/environment.json or with --set"
                problems.append(mmar.train_config.problem(path, dataset[key], str(error), hint))
                continue
            if not isinstance(filled[key], (str, type(None))):
                problems.append(mmar.train_config.problem(path, dataset[key], "must be a text"))
        if len(problems) == before and filled["data_list_file_path"]:
            problems += _check_list(mmar, str(place[0]), filled)
    return _once(problems)


def _once(problems: list[Problem]) -> list[Problem]:
    """Training and validation often share a list: its problems are told once."""
    first = {(problem.file, problem.path, problem.message): problem for problem in problems}
    return list(first.values())


def _datasets(config: Mapping[str, Any]) -> Iterator[tuple[JsonPath, Mapping[str, Any]]]:
    """What reads a data list, and where: 4.x's datasets, and the image pipelines of 3.x."""
    for section in ("train", "validate"):
        body = config.get(section)
        if not isinstance(body, Mapping):
            continue
        pipeline = body.get("image_pipeline")
        args = pipeline.get("args") if isinstance(pipeline, Mapping) else None
        for place, found in (
            ((section, "dataset"), body.get("dataset")),
            ((section, "image_pipeline", "args"), args),
        ):
            if isinstance(found, Mapping) and "data_list_file_path" in found:
                yield place, found


def _check_list(mmar: Mmar, section: str, dataset: Mapping[str, Any]) -> list[Problem]:
    root = mmar.layout.root
    file = locate_data(dataset["data_list_file_path"], root)
    try:
        source = read_json(file)
    except UnreadableJson as error:
        return [error.problem]
    except (OSError, ValueError):
        return [_no_list(mmar, file)]
    key = dataset["data_list_key"] or ("training" if section == "train" else "validation")
    entries = source.data.get(key) if isinstance(source.data, dict) else None
    odd = [problem for problem in source.problems if problem.severity == "error"]
    if not isinstance(entries, list) or not entries:
        present = ", ".join(source.data) if isinstance(source.data, dict) else "no lists"
        message = f"the list {key!r} of {section} is " + (
            "missing" if entries is None else "empty" if entries == [] else "no list"
        )
        value = MISSING if entries is None else entries
        return [*odd, source.problem((key,), value, message, f"the file has {present}")]
    base = Path(os.path.join(root, dataset["data_file_base_dir"] or file.parent))
    return [*odd, *_check_entries(source, key, entries, base, mmar)]


def _no_list(mmar: Mmar, file: Path) -> Problem:
    """Named where the user would mend it, with every place that was tried."""
    root = mmar.layout.root
    raw = mmar.overrides.get("DATASET_JSON", mmar.environment.data.get("DATASET_JSON"))
    tried = [str(file)]
    if isinstance(raw, str) and raw and not Path(raw).is_absolute():
        tried = [str(root / raw), str(root / "commands" / raw)]
    return mmar.environment.problem(
        ("DATASET_JSON",),
        raw or str(file),
        "no such data list",
        f"tried {' and '.join(tried)}; data may have to be prepared first "
        "(commands/prepare_dataset.sh)",
    )


def _check_entries(
    source: JsonSource, key: str, entries: list[Any], base: Path, mmar: Mmar
) -> list[Problem]:
    segmentation = mmar.variables.get("PROCESSING_TASK", "segmentation") == "segmentation"
    missing: list[tuple[JsonPath, str]] = []
    problems = []
    for index, entry in enumerate(entries):
        path: JsonPath = (key, index)
        if not isinstance(entry, Mapping):
            hint = 'write {"image": "…", "label": "…"}'
            problems.append(source.problem(path, entry, "the entry is no object", hint))
            continue
        for name in ("image", "label"):
            # The label of a classification is a number, not a file.
            if name == "label" and not segmentation:
                continue
            if name not in entry:
                problems.append(source.problem(path, dict(entry), f"the entry names no {name}"))
            files = entry.get(name)
            for relative in files if isinstance(files, list) else [files]:
                if isinstance(relative, str):
                    file = os.path.normpath(base / relative)
                    if not os.path.exists(file):
                        missing.append(((*path, name), file))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        problems.append(
            source.problem(
                missing[0][0],
                os.path.relpath(missing[0][1], base),
                f"{len(missing)} of the files of {key!r} ({len(entries)} entries) do not exist: "
                + ", ".join(file for _, file in missing[:_SHOWN])
                + more,
                f"DATA_ROOT is {base}",
            )
        )
    return problems


@dataclass(frozen=True)
class DataList:
    """A data list that a config names: `content` is None where it cannot be read."""

    file: Path
    base: Path
    content: Any

    def entries(self) -> Iterator[Any]:
        """What stands in its lists, whatever they are called: training, validation, test …"""
        for value in self.content.values() if isinstance(self.content, dict) else ():
            if isinstance(value, list):
                yield from value


def data_lists(mmar: Mmar) -> list[DataList]:
    """The data lists of an MMAR, each once; nothing is reported here, see `check_data_list`."""
    found: dict[tuple[Path, Path], DataList] = {}
    for _, dataset in _datasets(mmar.train_config.data):
        try:
            named = substitute(dataset["data_list_file_path"], mmar.variables)
            folder = substitute(dataset.get("data_file_base_dir"), mmar.variables)
        except UnknownVariable:
            continue
        if not isinstance(named, str) or not named:
            continue
        file = locate_data(named, mmar.layout.root)
        inside = folder if isinstance(folder, str) and folder else file.parent
        base = Path(os.path.normpath(os.path.join(mmar.layout.root, inside)))
        if (file, base) not in found:
            try:
                content = json.loads(file.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError, RecursionError):
                content = None
            found[file, base] = DataList(file, base, content)
    return list(found.values())
