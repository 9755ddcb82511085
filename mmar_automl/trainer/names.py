"""Which components exist and what they accept, read from source without importing torch.

Importing MONAI costs five seconds, parsing the few files that a config names costs a tenth of
one. The syntax trees say where a name is defined and what its constructor takes; what they
cannot say (a signature made at run time) is left undecided, never guessed.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmar_automl.trainer.catalog import canonical
from mmar_automl.trainer.sources import (
    absolute,
    definitions,
    has_star,
    is_package,
    tree_in,
    tree_of,
)

PACKAGES = (
    "monai.networks.nets",
    "monai.losses",
    "monai.transforms",
    "monai.handlers",
    "monai.inferers",
    "monai.engines",
    "monai.data",
    "monai.optimizers",
    "monai.networks.blocks",
    "monai.metrics",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.nn",
    "ignite.metrics",
    "ignite.handlers",
    "monai.apps.deepgrow.transforms",
    "monai.apps.deepgrow.interaction",
)
"""Where a bare `name` is looked for, in this order: `DataLoader` and `MeanDice` are MONAI's."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a constructor accepts by name."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    open: bool = False
    """Takes `**kwargs`, so an unknown name cannot be called wrong."""

    @property
    def names(self) -> tuple[str, ...]:
        return self.required + self.optional


@dataclass(frozen=True, kw_only=True)
class Component:
    """A class or function that a config may name."""

    target: str
    """The full dotted path, as MONAI's `_target_` wants it."""
    signature: Signature | None
    """None where the source does not tell."""


def find(name: str) -> Component | None:
    """The component of a bare `name`, or None if no package exports it."""
    package = package_of(name)
    if package is None:
        return None
    return Component(target=f"{package}.{name}", signature=_signature_of(package, name))


def package_of(name: str) -> str | None:
    """The package that a bare `name` is taken from: the first one that exports it."""
    return next((package for package in PACKAGES if name in exported(package)), None)


def find_path(path: str, folders: Sequence[Path] = ()) -> Component | None:
    """The component of a dotted `path`: in an MMAR's own `folders`, else an installed package.

    None if the module or the name in it does not exist. Nothing of the user's is executed.
    """
    module, _, name = path.rpartition(".")
    if not module:
        return None
    tree = tree_in(module, folders) or tree_of(module)
    if tree is not None:
        # The tree is the source's last word only if the name is written there in plain sight.
        if name not in definitions(tree) and not has_star(tree):
            return None
        where = _Place(tree, module, is_package(module), tuple(folders))
        return Component(target=path, signature=_signature(where, name))
    top = module.partition(".")[0]
    try:
        installed = importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        installed = False
    return Component(target=path, signature=None) if installed else None


def suggest(name: str) -> tuple[str, ...]:
    """Up to three exported names near `name`, the nearest first."""
    every = {known for package in PACKAGES for known in exported(package)}
    # `RandZoomD` and `RandZoomDict` are `RandZoomd`, which is what people write.
    plain = [known for known in sorted(every) if canonical(known) == known]
    return nearest(name, plain)


def nearest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to three of `known` that `word` may have been meant for, the nearest first."""
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    close = difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.7)
    return tuple(by_lower[match] for match in close)


@dataclass(frozen=True)
class _Place:
    """A module being read, and what is needed to follow its imports."""

    tree: ast.Module
    module: str
    is_package: bool
    folders: tuple[Path, ...] = ()


@cache
def exported(package: str) -> frozenset[str]:
    """The names that an installed package offers."""
    tree = tree_of(package)
    if tree is None:
        return frozenset()
    names = {
        name
        for name, node in definitions(tree).items()
        if not name.startswith("_") and not _is_foreign(node)
    }
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            names |= exported(absolute(node, package, is_package(package)))
    return frozenset(names)


def _is_foreign(node: ast.AST) -> bool:
    """Whether a module has a name only because it uses it itself: `Literal`, `Sequence`."""
    if not isinstance(node, ast.ImportFrom) or node.level:
        return False
    return (node.module or "").partition(".")[0] not in {p.partition(".")[0] for p in PACKAGES}


@cache
def _signature_of(package: str, name: str) -> Signature | None:
    tree = tree_of(package)
    if tree is None:
        return None
    return _signature(_Place(tree, package, is_package(package)), name)


def _signature(place: _Place, name: str, depth: int = 0) -> Signature | None:
    """The signature of `name` as seen from a module; None where it cannot be decided."""
    node = definitions(place.tree).get(name)
    if depth > 12:
        return None
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _arguments(node, method=False)
    if isinstance(node, ast.ClassDef):
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                return _arguments(item, method=True)
        if any(isinstance(item, ast.FunctionDef) and item.name == "__new__" for item in node.body):
            return None
        if node.decorator_list and "dataclass" in ast.dump(node.decorator_list[0]):
            return None
        for base in node.bases:
            if isinstance(base, ast.Name):
                found = _signature(place, base.id, depth + 1)
                if found is not None:
                    return found
        return None
    if isinstance(node, ast.Name):
        return _signature(place, node.id, depth + 1)
    if isinstance(node, ast.ImportFrom):
        original = next(a.name for a in node.names if (a.asname or a.name) == name)
        return _follow(place, node, original, depth)
    if node is None:
        for item in place.tree.body:
            if isinstance(item, ast.ImportFrom) and item.names[0].name == "*":
                found = _follow(place, item, name, depth)
                if found is not None:
                    return found
    return None


def _follow(place: _Place, node: ast.ImportFrom, name: str, depth: int) -> Signature | None:
    module = absolute(node, place.module, place.is_package)
    tree = tree_in(module, place.folders) or tree_of(module)
    if tree is None:
        return None
    return _signature(_Place(tree, module, is_package(module), place.folders), name, depth + 1)


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> Signature:
    arguments = node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)][1 if method else 0 :]
    defaults = len(arguments.defaults)
    split = max(len(positional) - defaults, 0)
    keyword = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    return Signature(
        required=tuple(positional[:split] + [a.arg for a, d in keyword if d is None]),
        optional=tuple(positional[split:] + [a.arg for a, d in keyword if d is not None]),
        open=arguments.kwarg is not None or bool(node.decorator_list),
    )
