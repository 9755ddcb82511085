"""What a training config may name, by section, with arguments and words: read from source.

As in `names`, nothing is imported: the syntax trees of MONAI, torch and ignite say it all.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmar_automl.trainer import names
from mmar_automl.trainer.sources import (
    absolute,
    definitions,
    is_package,
    tree_in,
    tree_of,
)

SECTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "loss": (("monai.losses", ""), ("torch.nn", "Loss")),
    "optimizer": (("torch.optim", ""), ("monai.optimizers", "grad")),
    "lr_scheduler": (("torch.optim.lr_scheduler", ""), ("monai.optimizers", "LR"),
                     ("monai.optimizers", "Schedule")),
    "model": (("monai.networks.nets", ""),),
    "transform": (("monai.transforms", ""), ("monai.apps.deepgrow.transforms", "")),
    "dataset": (("monai.data", "Dataset"),),
    "dataloader": (("monai.data", "DataLoader"),),
    "inferer": (("monai.inferers", "Inferer"),),
    "metric": (("monai.handlers", ""), ("ignite.metrics", "")),
    "training_handler": (("monai.handlers", ""), ("ignite.handlers", "")),
    "trainer": (("monai.engines", "Trainer"),),
    "evaluator": (("monai.engines", "Evaluator"),),
}  # fmt: skip
"""Section → the packages that its components come from, and the end of the names that count."""

_METRIC = "IgniteMetricHandler"
_DERIVED = {"transform": "Transform", "inferer": "Inferer", "model": "Module"}
"""What a component of a section comes from, where its package has other classes, too."""
_BASES = ("Optimizer", "LRScheduler", "Trainer", "Evaluator", "IgniteMetricHandler")
"""Classes that only others are made from."""
_FOLLOWED = 12


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor; `default` and `type` in Python's words, None for none."""

    name: str
    default: str | None = None
    type: str | None = None

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True)
class Described:
    """A component: `target` is its dotted path, `doc` its whole docstring.

    `args` is None where the source does not tell; `open` says that more are taken.
    """

    name: str
    target: str
    args: tuple[Argument, ...] | None
    open: bool
    doc: str
    bases: tuple[str, ...] = ()


@cache
def section(kind: str) -> tuple[Described, ...]:
    """Every class that a section may name, sorted, as `names.find` would find it."""
    found: dict[str, Described] = {}
    for package, end in SECTIONS[kind]:
        for name in names.exported(package):
            is_class = name[:1].isupper() and name.endswith(end)
            if is_class and names.package_of(name) == package:
                component = _describe(_Place(tree_of(package), package), name, package)
                if component is not None and _belongs(kind, package, component):
                    found[name] = component
    return tuple(found[name] for name in sorted(found))


def written_in(file: Path, folders: Sequence[Path]) -> list[Described]:
    """The classes that a user's file defines, their bases spelt without modules."""
    tree = tree_in(file.stem, [file.parent])
    if tree is None:
        return []
    place = _Place(tree, file.stem, tuple(folders))
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    described = (_describe(place, name, file.stem) for name in classes if name[:1] != "_")
    return [component for component in described if component is not None]


def _belongs(kind: str, package: str, component: Described) -> bool:
    if component.name in _BASES or "Enum" in component.bases:
        return False
    if package == "monai.handlers":
        return (_METRIC in component.bases) == (kind == "metric")
    return kind not in _DERIVED or _DERIVED[kind] in component.bases


@dataclass(frozen=True)
class _Place:
    """A module being read; `folders` are a user's own."""

    tree: ast.Module | None
    module: str
    folders: tuple[Path, ...] = ()


def _describe(place: _Place, name: str, package: str) -> Described | None:
    """The class of this very name: an alias is told of under the name that it stands for."""
    found = _resolve(place, name)
    if found is None:
        return None
    where, node = found
    if not isinstance(node, ast.ClassDef) or node.name != name:
        return None
    if not where.module.startswith(package):
        # Imported for the package's own use.
        return None
    init = _method(where, node)
    args, is_open = (None, False) if init is None else _arguments(init)
    doc = _assigned_doc(where, name) if ast.get_docstring(node) is None else None
    doc = ast.get_docstring(node) or doc or (ast.get_docstring(init) if init is not None else "")
    bases = tuple(_all_bases(where, node))
    return Described(name, f"{package}.{name}", args, is_open, doc or "", bases)


def _assigned_doc(place: _Place, name: str) -> str | None:
    """What a module assigns to `name.__doc__`, as torch's optimizers do; its first piece."""
    for node in place.tree.body if place.tree is not None else ():
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Attribute):
            continue
        target = node.targets[0]
        if target.attr == "__doc__" and isinstance(target.value, ast.Name):
            texts = (n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant))
            if target.value.id == name:
                return next((inspect.cleandoc(t) for t in texts if isinstance(t, str)), None)
    return None


def _resolve(
    place: _Place, name: str, depth: int = 0
) -> tuple[_Place, ast.ClassDef | ast.FunctionDef] | None:
    """Where a name is written, its imports followed."""
    if place.tree is None or depth > _FOLLOWED:
        return None
    node = definitions(place.tree).get(name)
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return place, node
    if isinstance(node, ast.Name) and node.id != name:
        return _resolve(place, node.id, depth + 1)
    if isinstance(node, ast.ImportFrom):
        original = next(a.name for a in node.names if (a.asname or a.name) == name)
        return _resolve(_imported(place, node), original, depth + 1)
    for item in place.tree.body if node is None else ():
        if isinstance(item, ast.ImportFrom) and item.names[0].name == "*":
            found = _resolve(_imported(place, item), name, depth + 1)
            if found is not None:
                return found
    return None


def _imported(place: _Place, node: ast.ImportFrom) -> _Place:
    module = absolute(node, place.module, is_package(place.module))
    return _Place(tree_in(module, place.folders) or tree_of(module), module, place.folders)


def _bases(place: _Place, node: ast.ClassDef) -> Iterator[tuple[str, _Place, ast.ClassDef | None]]:
    for base in node.bases:
        named = base.attr if isinstance(base, ast.Attribute) else ""
        if isinstance(base, ast.Name):
            named = base.id
            found = _resolve(place, named)
            if found is not None and isinstance(found[1], ast.ClassDef) and found[1] is not node:
                yield named, found[0], found[1]
                continue
        yield named, place, None


def _all_bases(place: _Place, node: ast.ClassDef, depth: int = 0) -> Iterator[str]:
    for named, where, base in _bases(place, node):
        yield named
        if base is not None and depth < _FOLLOWED:
            yield from _all_bases(where, base, depth + 1)


def _method(place: _Place, node: ast.ClassDef, depth: int = 0) -> ast.FunctionDef | None:
    """The nearest `__init__`."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return item
    for _, where, base in _bases(place, node):
        if base is not None and depth < _FOLLOWED:
            found = _method(where, base, depth + 1)
            if found is not None:
                return found
    return None


def _arguments(node: ast.FunctionDef) -> tuple[tuple[Argument, ...], bool]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * missing, *arguments.defaults]
    pairs = [*zip(positional, defaults, strict=True)][1:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    args = tuple(
        Argument(
            arg.arg,
            None if default is None else ast.unparse(default),
            None if arg.annotation is None else ast.unparse(arg.annotation),
        )
        for arg, default in pairs
    )
    return args, arguments.kwarg is not None
