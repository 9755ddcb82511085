"""`init`: a new MMAR from the template in this package, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmar_automl.errors import BadInput, EnvironmentFault, JsonPath, MmarAutomlError
from mmar_automl.mmar.edit import put
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.write import current_umask

if TYPE_CHECKING:
    from importlib.abc import Traversable

SYNTHETIC = "make_synthetic_data.py"
_EMPTY = ("custom", "models")
"""Folders that an MMAR has and the template cannot: a package holds files only."""


@dataclass(frozen=True)
class Created:
    """What `create` made; `kept` are files of the template that were there already.

    `fitted`: what the data list told of classes and image channels, as words.
    """

    root: Path
    kept: tuple[Path, ...]
    fitted: str = ""


def create(
    root: Path, *, force: bool = False, data_list: Path | None = None, data_root: Path | None = None
) -> Created:
    """Make an MMAR at `root`, on synthetic data or on those of `data_list`.

    A folder that has files in it is refused, or with `force` completed: nothing is overwritten.
    Everything is written beside and moved in at the end, so a run that is broken off leaves what
    was there. Raises `BadInput`, `EnvironmentFault`.
    """
    root = _target(root, force)
    if data_root is not None and data_list is None:
        raise BadInput("--data-root goes with --data-list", "the synthetic data lie in the MMAR")
    for given, is_right in ((data_list, Path.is_file), (data_root, Path.is_dir)):
        if given is not None and not is_right(given):
            raise BadInput(f"{given} does not exist", "give the data as they lie on this machine")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        # A folder that is there may be a disk of its own, which nothing can be renamed into.
        parent = root if root.exists() else root.parent
        beside = Path(tempfile.mkdtemp(prefix=f".{root.name}.new.", dir=parent))
        try:
            fresh = beside / "mmar"
            fresh.mkdir(0o777)
            fitted = _fill(fresh, data_list, data_root)
            return Created(root, tuple(_move_in(fresh, root)), fitted)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise EnvironmentFault(
            f"{error.filename or root} cannot be written: {error.strerror}"
        ) from error


def _target(root: Path, force: bool) -> Path:
    try:
        target = root.expanduser().resolve()
        if not target.exists():
            return target
        if not target.is_dir():
            raise BadInput(f"{root} is a file; an MMAR is a directory")
        there = sorted(child.name for child in target.iterdir())
    except OSError as error:
        raise EnvironmentFault(f"{root} cannot be opened: {error.strerror}") from error
    if there and not force:
        shown = ", ".join(there[:4]) + (", …" if len(there) > 4 else "")
        raise BadInput(
            f"{root} is not empty: {shown}",
            "choose another folder, or add what is missing with --force: nothing is overwritten",
        )
    return target


def _fill(fresh: Path, data_list: Path | None, data_root: Path | None) -> str:
    """Write everything into the new folder; returns what the data list told."""
    for source, name in _files(resources.files("mmar_automl.app") / "templates" / "mmar"):
        if name.name == SYNTHETIC and data_list is not None:
            continue
        file = fresh / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.read_bytes())
        if file.suffix == ".sh":
            # A wheel need not keep the execute bit.
            file.chmod(0o777 & ~current_umask())
    for folder in _EMPTY:
        (fresh / folder).mkdir()
    if data_list is None:
        _make_data(fresh)
        return ""
    layout = MmarLayout(fresh)
    text = layout.environment.read_text(encoding="utf-8")
    text = put(text, (), "DATASET_JSON", str(data_list.resolve()))
    text = put(text, (), "DATA_ROOT", str((data_root or data_list.parent).resolve()))
    layout.environment.write_text(text, encoding="utf-8")
    return _fit(layout, data_list)


def _fit(layout: MmarLayout, data_list: Path) -> str:
    """Put the numbers of classes and channels into the configs, if the data list has them.

    `labels` and `modality` are objects in a list of the Medical Segmentation Decathlon's form. A
    list that is wrong is `validate`'s to tell.
    """
    try:
        listing = json.loads(data_list.read_text(encoding="utf-8-sig"))
    except ValueError:
        return ""
    counts = {}
    for key, word, least in (("labels", "classes", 2), ("modality", "channels", 1)):
        named = listing.get(key) if isinstance(listing, dict) else None
        if isinstance(named, dict) and len(named) >= least:
            counts[word] = len(named)
    for file in sorted(layout.config.glob("config_*.json")):
        text = file.read_text(encoding="utf-8")
        for path, word in _counted(json.loads(text)):
            if word in counts:
                text = put(text, path[:-1], str(path[-1]), counts[word])
        file.write_text(text, encoding="utf-8")
    return " and ".join(f"{number} {word}" for word, number in counts.items())


_COUNTED = {"out_channels": "classes", "to_onehot": "classes", "in_channels": "channels"}
"""What of the template's args is a number of classes or of channels."""


def _counted(value: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, str]]:
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for step, child in children:
        if step in _COUNTED and isinstance(child, int):
            yield (*path, step), _COUNTED[step]
        elif isinstance(child, (dict, list)):
            yield from _counted(child, (*path, step))


def _files(folder: Traversable, inside: Path = Path()) -> Iterator[tuple[Traversable, Path]]:
    """Every file of the template, with its path in it."""
    for child in folder.iterdir():
        if child.is_dir():
            if child.name != "__pycache__":
                yield from _files(child, inside / child.name)
        else:
            yield child, inside / child.name


def _make_data(fresh: Path) -> None:
    """Run the MMAR's own script, as its reader would."""
    done = subprocess.run(
        [sys.executable, "-I", str(fresh / "commands" / SYNTHETIC)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MmarAutomlError(f"the synthetic data could not be written:\n{done.stderr.strip()}")


def _move_in(fresh: Path, root: Path) -> list[Path]:
    """Give the new MMAR its name; into a folder that exists, file by file, or not at all."""
    if not root.exists():
        fresh.rename(root)
        return []
    kept: list[Path] = []
    made: list[Path] = []
    try:
        for source in sorted(fresh.rglob("*")):
            place = root / source.relative_to(fresh)
            if place.exists() or place.is_symlink():
                if not source.is_dir():
                    kept.append(place.relative_to(root))
                elif not place.is_dir():
                    raise BadInput(f"{place} is a file, and an MMAR has a folder of that name")
                continue
            if source.is_dir():
                place.mkdir()
            else:
                os.rename(source, place)
            made.append(place)
    except BaseException:
        for place in reversed(made):
            place.rmdir() if place.is_dir() else place.unlink()
        raise
    return kept
