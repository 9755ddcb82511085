"""A job's own copy of an MMAR: nothing that a job edits is shared with the base."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from mmar_automl.mmar.layout import MmarLayout

COPIED = ("config", "commands", "custom", "BYOC")
LINKED = ("resources", "docs")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".git")


def clone(base: MmarLayout, job: MmarLayout, model_files: Iterable[Path] = ()) -> None:
    """Make the MMAR of a job; its folder must not exist yet.

    Code and configs are copied, `resources/` and `docs/` linked (relatively, where the job lies
    inside the base, so that both may move together), and of `models/` come only `model_files`,
    as copies. Links inside the base stay links to the same place. Raises `OSError`.
    """
    job.root.mkdir(parents=True)
    for name in COPIED:
        source = base.root / name
        if source.is_dir():
            shutil.copytree(source, job.root / name, symlinks=True, ignore=_LEFT_OUT)
            _keep_links(source, job.root / name)
    for name in LINKED:
        source = base.root / name
        if source.is_dir():
            inside = job.root.is_relative_to(base.root)
            target = os.path.relpath(source, job.root) if inside else str(source)
            (job.root / name).symlink_to(target, target_is_directory=True)
    job.models.mkdir()
    for file in model_files:
        target_file = job.root / file.relative_to(base.root)
        target_file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target_file)


def _keep_links(source: Path, copy: Path) -> None:
    """A relative link that leaves its folder would lead elsewhere from the copy."""
    for folder, folders, files in os.walk(copy):
        for name in (*folders, *files):
            link = Path(folder, name)
            if link.is_symlink() and not os.path.isabs(os.readlink(link)):
                original = source / link.relative_to(copy)
                target = Path(os.path.normpath(original.parent / os.readlink(original)))
                if not target.is_relative_to(source):
                    link.unlink()
                    link.symlink_to(target)
