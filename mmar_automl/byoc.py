"""A user's class from a dotted path, out of the MMAR's own folders, isolated from our imports."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

CLARA = ("automl", "medl", "dlmed", "nvmidl")
"""The packages that stand in for Clara's own."""


class CannotLoad(Exception):
    """A plug-in that cannot be had; `hint` says what was looked at."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def give_way() -> None:
    """Move what lies in an MMAR behind everything that is installed.

    `python -m` puts the working directory in front, and Clara's set_env.sh the MMAR's BYOC/: a
    monai.py or a typing.py there would take the place of the real one.
    """
    own = [entry for entry in sys.path if _is_of_mmar(entry)]
    sys.path[:] = [entry for entry in sys.path if entry not in own] + own


def append_to_path(folders: Sequence[Path]) -> None:
    """Make an MMAR's own Python importable, behind everything else.

    In front, a file of the user's named `http.py` would take the place of Python's own.
    """
    ours = {os.path.realpath(folder) for folder in folders}
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") not in ours]
    sys.path.extend(str(folder) for folder in folders if folder.is_dir())


def taken(module: str, folders: Sequence[Path]) -> tuple[Path, str] | None:
    """Where the MMAR's own top-level `module` lies and what is imported in its place, if any is."""
    own = next((file for folder in folders for file in _places(folder, module)), None)
    if own is None:
        return None
    if module in sys.builtin_module_names or module in sys.stdlib_module_names:
        return own, "Python's own"
    ours = {os.path.realpath(folder) for folder in folders}
    paths = [entry for entry in sys.path if os.path.realpath(entry or ".") not in ours]
    spec = PathFinder.find_spec(module, paths)
    # A folder without __init__.py (no origin) gives way to any module.
    return (own, str(spec.origin)) if spec is not None and spec.origin else None


def load_class(path: str, folders: Sequence[Path]) -> type[Any]:
    """The class at `module.Class`, the module sought in `folders` after everything installed.

    The folders stand at the end of `sys.path`: a file called `http.py` in an MMAR must not become
    Python's own. One whose name is taken is refused. Raises `CannotLoad`.
    """
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        raise CannotLoad(f"{path!r} is no path to a class", 'write "module.Class"')
    append_to_path(folders)
    importlib.invalidate_caches()
    top = module_name.partition(".")[0]
    clash = taken(top, folders)
    if clash is not None:
        own, other = clash
        raise CannotLoad(
            f"{own.name} has the name of a module that is installed, {other}, which is found first",
            f"rename {own}",
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise _not_found(error, module_name, folders) from error
    except SyntaxError as error:
        raise CannotLoad(
            f"{Path(error.filename or module_name).name}:{error.lineno}: {error.msg}",
            f"{error.filename}, line {error.lineno}",
        ) from error
    except (Exception, SystemExit) as error:
        raise CannotLoad(
            f"importing {module_name} raised {type(error).__name__}: {error}", _place(error)
        ) from error
    found = getattr(module, class_name, None)
    if isinstance(found, type):
        return found
    classes = [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    close = difflib.get_close_matches(class_name, classes, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise CannotLoad(
        f"{module_name} has no class {class_name!r}",
        f"{hint}it has {', '.join(classes) or 'no classes'}",
    )


def _not_found(error: ModuleNotFoundError, module_name: str, folders: Sequence[Path]) -> CannotLoad:
    missing = error.name or ""
    if missing.partition(".")[0] in CLARA:
        return CannotLoad(
            f"there is no {missing!r} among what stands in for Clara's modules", _place(error)
        )
    if missing and f"{module_name}.".startswith(f"{missing}."):
        # Only the folders that PYTHONPATH names are a user's to look into.
        more = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        searched = list(dict.fromkeys([*map(str, folders), *map(os.path.normpath, more)]))
        return CannotLoad(
            f"there is no module {missing!r}",
            f"looked in {', '.join(searched)} and what is installed",
        )
    return CannotLoad(
        f"{module_name} needs the module {missing!r}, which is not installed", _place(error)
    )


def _places(folder: Path, module: str) -> list[Path]:
    """The files that would make `module` importable from a folder."""
    return [
        file
        for file in (folder / module / "__init__.py", folder / f"{module}.py")
        if file.is_file()
    ]


def _is_of_mmar(entry: str) -> bool:
    """Whether an entry of `sys.path` is an MMAR's root or a folder directly in it."""
    folder = Path(os.path.realpath(entry or "."))
    return any(
        (place / "config").is_dir() and (place / "commands").is_dir()
        for place in (folder, folder.parent)
        if place != place.parent
    )


def _place(error: BaseException) -> str:
    """The user's line that an import failed in: the innermost outside the import machinery."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
