"""The Python of an MMAR, in custom/, BYOC/ and its root: what cannot be imported as it stands."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.byoc import taken
from mmar_automl.errors import Problem
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.scripts import trains_with_ours

_TENSORFLOW = ("ai4med", "tensorflow")
"""What components of Clara 3.x were written for."""


def check_own_python(mmar: Mmar) -> list[Problem]:
    """Files that Python cannot read, and names that are taken.

    An error where the training config names the module, since no job could train; else a
    warning. What config_automl.json names is imported, and told of where it stands. In the root
    may lie programs that nobody imports: of those only the names are looked at.
    """
    named = {path.partition(".")[0] for path in _paths(mmar.train_config.data)}
    ours = trains_with_ours(mmar.layout)
    called = {path.partition(".")[0] for path in _paths(mmar.automl_config.data)}
    problems = []
    for folder in (*mmar.layout.custom, mmar.layout.root):
        for file in sorted(folder.glob("*.py")) + sorted(folder.glob("*/__init__.py")):
            module = file.parent.name if file.name == "__init__.py" else file.stem
            if module in called:
                continue
            severity = "error" if module in named else "warning"
            if folder in mmar.layout.custom or module in named:
                problem = _fault(file, module, folder, severity)
                problem = problem or (_foreign(file, severity) if ours else None)
            else:
                problem = _clash(file, module, folder, severity)
            if problem is not None:
                problems.append(problem)
    return problems


def _clash(file: Path, module: str, folder: Path, severity: Any) -> Problem | None:
    clash = taken(module, [folder])
    if clash is None:
        return None
    return Problem(
        severity=severity,
        file=str(file if file.name != "__init__.py" else file.parent),
        message=f"has the name of a module that is installed, {clash[1]}, which is found first",
        hint="rename it: nothing imports this one",
    )


def _fault(file: Path, module: str, folder: Path, severity: Any) -> Problem | None:
    clash = _clash(file, module, folder, severity)
    if clash is not None:
        return clash
    try:
        ast.parse(file.read_bytes())
    except SyntaxError as error:
        return Problem(
            severity=severity, file=str(file), line=error.lineno, message=f"{error.msg} (Python)"
        )
    except (OSError, ValueError) as error:
        return Problem(severity=severity, file=str(file), message=f"cannot be read: {error}")
    return None


def _foreign(file: Path, severity: Any) -> Problem | None:
    """A component of Clara 3.x, which our trainer cannot use; another may have what it needs."""
    for line, package in _imports(ast.parse(file.read_bytes())):
        if package in _TENSORFLOW and not importlib.util.find_spec(package):
            return Problem(
                severity=severity,
                file=str(file),
                line=line,
                message=f"imports {package}, which Clara Train 3.x had and is not there",
                hint="write the component for torch: a network that gives logits, a loss of them, "
                "a transform that takes and gives a dictionary, as MONAI's do",
            )
    return None


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is imported whenever the module is: the line and the top-level package."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def _paths(node: Any) -> Iterator[str]:
    """Every `path` of a component in a config."""
    ahead = [node]
    while ahead:
        each = ahead.pop()
        if isinstance(each, Mapping):
            if isinstance(each.get("path"), str):
                yield each["path"]
            ahead += each.values()
        elif isinstance(each, list):
            ahead += each
