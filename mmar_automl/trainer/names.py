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
    for package in PACKAGES:
        if name in _exports(package):
            return Component(target=f"{package}.{name}", signature=_signature_of(package, name))
    return None


def find_path(path: str, folders: Sequence[Path] = ()) -> Component | None:
    """The component of a dotted `path`: in an MMAR's own `folders`, else an installed package.

    None if the module or the name in it does not exist. Nothing of the user's is executed.
    """
    module, _, name = path.rpartition(".")
    if not module:
        return None
    tree = _tree_in(module, folders) or _tree(module)
    if tree is not None:
        # The tree is the source's last word only if the name is written there in plain sight.
        if name not in _definitions(tree) and not _has_star(tree):
            return None
        where = _Place(tree, module, _is_package(module), tuple(folders))
        return Component(target=path, signature=_signature(where, name))
    top = module.partition(".")[0]
    try:
        installed = importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        installed = False
    return Component(target=path, signature=None) if installed else None


def suggest(name: str) -> tuple[str, ...]:
    """Up to three exported names near `name`, the nearest first."""
    every = {known for package in PACKAGES for known in _exports(package)}
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
def _exports(package: str) -> frozenset[str]:
    tree = _tree(package)
    if tree is None:
        return frozenset()
    names = {
        name
        for name, node in _definitions(tree).items()
        if not name.startswith("_") and not _is_foreign(node)
    }
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            names |= _exports(_absolute(node, package, _is_package(package)))
    return frozenset(names)


def _is_foreign(node: ast.AST) -> bool:
    """Whether a module has a name only because it uses it itself: `Literal`, `Sequence`."""
    if not isinstance(node, ast.ImportFrom) or node.level:
        return False
    return (node.module or "").partition(".")[0] not in {p.partition(".")[0] for p in PACKAGES}


@cache
def _signature_of(package: str, name: str) -> Signature | None:
    tree = _tree(package)
    if tree is None:
        return None
    return _signature(_Place(tree, package, _is_package(package)), name)


def _signature(place: _Place, name: str, depth: int = 0) -> Signature | None:
    """The signature of `name` as seen from a module; None where it cannot be decided."""
    node = _definitions(place.tree).get(name)
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
    module = _absolute(node, place.module, place.is_package)
    tree = _tree_in(module, place.folders) or _tree(module)
    if tree is None:
        return None
    return _signature(_Place(tree, module, _is_package(module), place.folders), name, depth + 1)


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


def _definitions(tree: ast.Module) -> dict[str, ast.AST]:
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


def _has_star(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in tree.body)


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _is_package(module: str) -> bool:
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
def _tree(module: str) -> ast.Module | None:
    file = _file(module)
    return None if file is None or file.suffix != ".py" else _parse(file)


def _tree_in(module: str, folders: Sequence[Path]) -> ast.Module | None:
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
