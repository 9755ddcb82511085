"""`new`: a component of the user's own, from a template that works, wired into the config."""

from __future__ import annotations

import ast
import builtins
import json
import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput, ConfigProblems, EnvironmentFault, JsonPath, format_path
from mmar_automl.mmar.edit import append, put
from mmar_automl.mmar.load import DEFAULT_AUTOML_CONFIG, Mmar, read
from mmar_automl.mmar.source import JsonSource
from mmar_automl.mmar.write import write_text

WIRED = {
    "controller": "controller",
    "executor": "executor",
    "handler": "handlers",
    "pruner": "pruner",
    "transform": "pre_transforms",
}
"""Each kind that has a template, with the key that its component stands under."""
_LISTS: dict[str, JsonPath] = {"handler": ("handlers",), "transform": ("train", "pre_transforms")}
"""Those of which there may be several."""


@dataclass(frozen=True)
class Written:
    """What `write_component` did: a new file, a config with `entry` at `place`.

    `replaced` is the component that stood there before, if there was one.
    """

    file: Path
    config: Path
    place: JsonPath
    entry: Mapping[str, Any]
    replaced: Any = None


def write_component(
    kind: str, name: str, root: Path, *, automl_config: str | None = None, wire: bool = True
) -> Written:
    """Write the class `name` into the MMAR's custom/, and with `wire` into its config.

    Nothing is overwritten but the one controller or executor that there can be, and of the config
    nothing else is touched. Raises `BadInput`, `ConfigProblems`, `EnvironmentFault`.
    """
    template = _template(kind)
    _check_name(kind, name, template)
    module = snake(name)
    mmar, problems = read(root, automl_config=automl_config)
    folder = mmar.layout.custom[0]
    file = folder / f"{module}.py"
    _check_module(module, file, mmar.layout.custom)
    source = mmar.train_config if kind == "transform" else mmar.automl_config
    if wire and not source.readable:
        raise ConfigProblems(problems)
    entry = {"path": f"{module}.{name}", **_args(kind, mmar)}
    place, text = _wired(kind, source, entry) if wire else (_LISTS.get(kind, (WIRED[kind],)), "")
    replaced = source.data.get(WIRED[kind]) if wire and kind not in _LISTS else None
    try:
        folder.mkdir(exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(template.replace(f"My{kind.capitalize()}", name))
        if wire:
            try:
                # Through a link, not over it.
                write_text(source.file.resolve(), text)
            except BaseException:
                file.unlink()
                raise
    except FileExistsError as error:
        raise BadInput(f"{error.filename} exists", "nothing is overwritten") from error
    except OSError as error:
        raise EnvironmentFault(
            f"{error.filename or file} cannot be written: {error.strerror}"
        ) from error
    return Written(file, source.file, place, entry, replaced)


def snake(name: str) -> str:
    """The module of a class: `MRIBias2Field` → `mri_bias2_field`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _template(kind: str) -> str:
    file = resources.files("mmar_automl.app") / "templates" / "components" / f"{kind}.py"
    return file.read_text(encoding="utf-8")


def _check_name(kind: str, name: str, template: str) -> None:
    """Refuse what cannot be a class of this template."""
    words = re.findall(r"[A-Za-z][A-Za-z0-9]*", name)
    capitals = "".join(word[:1].upper() + word[1:] for word in words)
    hint = f"for instance {capitals or f'My{kind.capitalize()}'}"
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise BadInput(f"{name!r} cannot be the name of a Python class", hint)
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise BadInput(f"{name!r}: a class is named in capital words", hint)
    used = {node.id for node in ast.walk(ast.parse(template)) if isinstance(node, ast.Name)}
    if name in used or hasattr(builtins, name):
        raise BadInput(f"{name} is the name of something else in Python", f"take My{name}, say")


def _check_module(module: str, file: Path, folders: tuple[Path, ...]) -> None:
    """Refuse a module that is there, or that would never be found behind another one."""
    for folder in folders:
        for taken in (folder / file.name, folder / module):
            if taken.exists():
                raise BadInput(f"{taken} exists", "choose another name: nothing is overwritten")
    # What is installed goes before custom/; what lies in the working directory is not installed.
    paths = [path for path in sys.path if path and Path(path) != Path.cwd()]
    known = module in sys.stdlib_module_names or module in sys.builtin_module_names
    if known or PathFinder.find_spec(module, paths) is not None:
        raise BadInput(
            f"there is a Python module called {module!r} already, which would be found first",
            "choose another name",
        )


def _args(kind: str, mmar: Mmar) -> dict[str, Any]:
    """The first `args`: a budget that was given stays, a transform works on the images."""
    if kind == "controller":
        old = mmar.automl_config.data.get("controller")
        args = old.get("args") if isinstance(old, Mapping) else None
        given = args if isinstance(args, Mapping) else {}
        budget = given.get("max_jobs", given.get("max_rounds", 16))
        return {"args": {"max_jobs": budget, "seed": 0}}
    if kind == "transform":
        return {"args": {"keys": [_image_key(mmar.train_config.data)], "prob": 0.3}}
    return {}


def _image_key(config: Mapping[str, Any]) -> str:
    """The first key that the config's own transforms work on."""
    train = config.get("train")
    steps = train.get("pre_transforms") if isinstance(train, Mapping) else None
    for step in steps if isinstance(steps, list) else ():
        args = step.get("args") if isinstance(step, Mapping) else None
        keys = args.get("keys") if isinstance(args, Mapping) else None
        first = keys[0] if isinstance(keys, list) and keys else keys
        if isinstance(first, str):
            return first
    return "image"


def _wired(kind: str, source: JsonSource, entry: Mapping[str, Any]) -> tuple[JsonPath, str]:
    """Where the component goes, and the config's text with it."""
    try:
        text = source.file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        text = json.dumps(DEFAULT_AUTOML_CONFIG, indent=2) + "\n"
    if kind not in _LISTS:
        return (WIRED[kind],), put(text, (), WIRED[kind], entry)
    place = _LISTS[kind]
    listed: Any = source.data
    for step in place:
        listed = listed.get(step) if isinstance(listed, Mapping) else None
    if listed is None and len(place) == 1:
        return (*place, 0), put(text, (), WIRED[kind], [entry])
    if not isinstance(listed, list):
        raise BadInput(
            f"{source.file} has no list {format_path(place)} to add it to",
            "with --no-config only the file is written; name it in the config yourself",
        )
    return (*place, len(listed)), append(text, place, entry)
