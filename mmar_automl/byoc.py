"""A user's class from a dotted path, out of the MMAR's own folders, isolated from our imports."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class CannotLoad(Exception):
    """A plug-in that cannot be had; `hint` says what was looked at."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def load_class(path: str, folders: Sequence[Path]) -> type[Any]:
    """The class at `module.Class`, the module sought in `folders` after everything installed.

    The folders are appended to `sys.path`, never put first: a file called `http.py` in an MMAR
    must not become Python's own. Raises `CannotLoad`.
    """
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        raise CannotLoad(f"{path!r} is no path to a class", 'write "module.Class"')
    for folder in folders:
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            searched = ", ".join(str(folder) for folder in folders)
            raise CannotLoad(
                f"there is no module {module_name!r}", f"looked in {searched} and PYTHONPATH"
            ) from error
        raise CannotLoad(
            f"{module_name} needs the module {error.name!r}, which is not installed", _place(error)
        ) from error
    except SyntaxError as error:
        raise CannotLoad(
            f"{Path(error.filename or module_name).name}:{error.lineno}: {error.msg}"
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


def _place(error: BaseException) -> str:
    """The user's line that an import failed in: the innermost outside the import machinery."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
