"""`components`: everything that a config may name, with arguments and words.

Our own components are asked themselves; MONAI's, torch's and ignite's are read from source, and so
is the user's Python: listing must neither load torch nor run anybody's code.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmar_automl.app.builtins import BUILTINS, resolve
from mmar_automl.errors import BadInput
from mmar_automl.mmar.load import find_root
from mmar_automl.search.findings import nearest
from mmar_automl.trainer import describe
from mmar_automl.trainer.catalog import canonical
from mmar_automl.trainer.describe import Argument

AUTOML, TRAIN = "config_automl.json", "config_train.json"
_BASES = {
    "Controller": "controller",
    "Executor": "executor",
    "Handler": "handler",
    "Pruner": "pruner",
    "Transform": "transform",
    "_Loss": "loss",
    "Optimizer": "optimizer",
    "LRScheduler": "lr_scheduler",
    "Module": "model",
    "Inferer": "inferer",
}
"""What a user's class is, by what it comes from; the first that fits counts."""


@dataclass(frozen=True)
class Entry:
    """A component: `name` or, of the user's own, `path` is what a config says.

    `args` is None where they cannot be told; `open` says that it takes more than these.
    """

    kind: str
    name: str
    config: str
    args: tuple[Argument, ...] | None
    doc: str
    open: bool = False
    path: str = ""
    source: str = ""
    """The dotted path of what a `name` stands for."""


def kinds() -> dict[str, str]:
    """Kind → the file that names components of it, config_automl.json's first."""
    automl = {kind.removesuffix("s"): AUTOML for kind in BUILTINS}
    return {**automl, **dict.fromkeys(describe.SECTIONS, TRAIN)}


def kind_of(word: str) -> str | None:
    """The kind that a word means: `losses` and `lr-schedulers` are understood."""
    plain = word.lower().replace("-", "_")
    endings = (plain, plain.removesuffix("s"), plain.removesuffix("es"))
    return next((kind for kind in kinds() if kind in endings), None)


def of_kind(kind: str, root: Path | None = None) -> list[Entry]:
    """The components of a kind, those of the MMAR at `root` included."""
    own = [entry for entry in _own(root) if entry.kind == kind]
    if kinds()[kind] == AUTOML:
        return [*_builtin(kind), *own]
    found = [
        Entry(kind, one.name, TRAIN, one.args, one.doc, one.open, source=one.target)
        for one in describe.section(kind)
    ]
    return [*found, *own]


def named(word: str, root: Path | None = None) -> list[Entry]:
    """The components of this name or path, whatever their kind; raises `BadInput`."""
    modern = canonical(word)
    every = [entry for kind in kinds() for entry in of_kind(kind, root)]
    found = [entry for entry in every if word in (entry.name, entry.path)]
    found = found or [entry for entry in every if entry.name == modern]
    if not found:
        close = nearest(word, [*kinds(), *(entry.name for entry in every)])
        raise BadInput(
            f"no component and no kind is called {word!r}",
            close or f"kinds are {', '.join(kinds())}",
        )
    return found


def _builtin(kind: str) -> Iterator[Entry]:
    key = kind if kind in BUILTINS else f"{kind}s"
    for name in BUILTINS[key]:
        try:
            cls = resolve(key, name)
        except ImportError as error:
            yield Entry(kind, name, AUTOML, None, f"Cannot be loaded here: {error}")
            continue
        parameters = inspect.signature(cls).parameters.values()
        yield Entry(
            kind,
            name,
            AUTOML,
            tuple(
                Argument(
                    parameter.name,
                    None if parameter.default is parameter.empty else repr(parameter.default),
                    None if parameter.annotation is parameter.empty else str(parameter.annotation),
                )
                for parameter in parameters
                # A keyword-only argument is the application's to give.
                if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            ),
            inspect.getdoc(cls) or "",
        )


def _own(root: Path | None) -> Iterator[Entry]:
    """The user's classes in custom/ and BYOC/."""
    if root is None:
        return
    folders = [folder for folder in find_root(root).custom if folder.is_dir()]
    for folder in folders:
        for file in sorted(folder.glob("*.py")):
            yield from _classes(file, folders)


def _classes(file: Path, folders: Sequence[Path]) -> Iterator[Entry]:
    for one in describe.written_in(file, folders):
        kind = next((_BASES[base] for base in one.bases if base in _BASES), None)
        if kind is not None and kind in kinds():
            path = f"{file.stem}.{one.name}"
            yield Entry(kind, one.name, kinds()[kind], one.args, one.doc, one.open, path=path)
