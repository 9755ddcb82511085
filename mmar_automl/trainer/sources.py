"""Python modules as syntax trees: found and parsed, never imported."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path


def definitions(tree: ast.Module) -> dict[str, ast.AST]:
    """What each top-level name of a module is bound to, the last binding winning."""
    found: dict[str, ast.AST] = {}
    for node in _statements(tree.body):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            found.update({a.asname or a.name: node for a in node.names if a.name != "*"})
        elif isinstance(node, ast.Assign):
            found.update({t.id: node.value for t in node.targets if isinstance(t, ast.Name)})
    return found


def _statements(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Top-level statements, those under a top-level `if` or `try` included."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _statements([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from _statements(node.body)
        else:
            yield node


def has_star(tree: ast.Module) -> bool:
    """Whether a module may have names that are not written in it."""
    return any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in tree.body)


def absolute(node: ast.ImportFrom, module: str, inside_package: bool) -> str:
    """The full name of the module that `from …x import` means inside `module`."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if inside_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def is_package(module: str) -> bool:
    """Whether a module is a package's `__init__`, to which `.x` is relative."""
    file = _file(module)
    return file is not None and file.name == "__init__.py"


@cache
def _file(module: str) -> Path | None:
    """The source of an installed module; only its top package is asked for, nothing runs."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    if not spec.submodule_search_locations:
        return None if rest else Path(spec.origin)
    return _file_under(Path(spec.origin).parent, rest)


def _file_under(folder: Path, parts: Sequence[str]) -> Path | None:
    base = folder.joinpath(*parts)
    for file in (base / "__init__.py", base.with_name(f"{base.name}.py")):
        if file.is_file():
            return file
    return None


@cache
def tree_of(module: str) -> ast.Module | None:
    """The syntax of an installed module; None where it has no Python source."""
    file = _file(module)
    return None if file is None or file.suffix != ".py" else _parse(file)


def tree_in(module: str, folders: Sequence[Path]) -> ast.Module | None:
    """The syntax of a module in the first of some folders that has it."""
    for folder in folders:
        file = _file_under(folder, module.split("."))
        if file is not None:
            return _parse(file)
    return None


def _parse(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
