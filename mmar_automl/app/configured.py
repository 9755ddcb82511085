"""The components that config_automl.json names: found, and checked against their classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mmar_automl.api import Controller, Executor, Handler, Pruner
from mmar_automl.app.builtins import BUILTINS, resolve
from mmar_automl.byoc import CannotLoad, load_class
from mmar_automl.errors import JsonPath, Problem
from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.mmar.load import Mmar
from mmar_automl.search.findings import nearest

BASES: dict[str, type[Any] | None] = {
    "controller": Controller,
    "executor": Executor,
    "handlers": Handler,
    "pruner": Pruner,
    "scheduler": None,
}
DEFAULT_NAMES = {
    "controller": "AutoController",
    "executor": "MMARExecutor",
    "scheduler": "FifoScheduler",
}


@dataclass(frozen=True)
class Component:
    """A component of config_automl.json that can be built: its class and its arguments."""

    kind: str
    name: str
    cls: type[Any]
    args: Mapping[str, Any]
    path: JsonPath


def described(component: Controller | Pruner) -> str:
    """What a controller or a pruner says of itself: no search ends because it cannot say it."""
    try:
        return component.describe()
    except Exception as error:
        return f"{type(component).__name__} ({type(error).__name__} in describe(): {error})"


def read_components(mmar: Mmar) -> tuple[list[Component], list[Problem]]:
    """The enabled components of config_automl.json, defaults filled in, and what is wrong."""
    config = mmar.automl_config.data
    known = {"trainconf": mmar.train_config.file.name, **mmar.variables}
    components: list[Component] = []
    problems: list[Problem] = []
    for kind in BASES:
        bodies = config.get(kind)
        listed = bodies if isinstance(bodies, list) else [bodies] if bodies else []
        for index, body in enumerate(listed):
            path: JsonPath = (kind, index) if isinstance(bodies, list) else (kind,)
            if isinstance(body, Mapping):
                _read_component(mmar, kind, body, path, known, components, problems)
        if kind in DEFAULT_NAMES and not listed:
            name = DEFAULT_NAMES[kind]
            components.append(Component(kind, name, resolve(kind, name), {}, (kind,)))
        elif kind in DEFAULT_NAMES and isinstance(bodies, Mapping):
            disabled = substitute_or_none(bodies.get("disabled"), known)
            if disabled is True:
                problems.append(
                    mmar.automl_config.problem(
                        (kind, "disabled"),
                        bodies.get("disabled"),
                        f"a search needs a {kind}, and this one is disabled",
                        f"delete it for {DEFAULT_NAMES[kind]}, or enable it",
                    )
                )
    return components, problems


def substitute_or_none(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with its variables, or None where one is unknown."""
    try:
        return substitute(value, known)
    except UnknownVariable:
        return None


def _read_component(
    mmar: Mmar,
    kind: str,
    raw: Mapping[str, Any],
    path: JsonPath,
    known: Mapping[str, Any],
    components: list[Component],
    problems: list[Problem],
) -> None:

    def wrong(place: JsonPath, value: Any, message: str, hint: str = "") -> None:
        problems.append(mmar.automl_config.problem(place, value, message, hint))

    try:
        body = substitute(dict(raw), known)
    except UnknownVariable as error:
        wrong(path, f"{{{error.name}}}", str(error), f"give it with --set {error.name}=…")
        return
    args = body.get("args", {})
    if body.get("disabled") is True or not isinstance(args, Mapping):
        return
    name, dotted = body.get("name"), body.get("path")
    cls: type[Any]
    if isinstance(dotted, str):
        try:
            cls = load_class(dotted, (*mmar.layout.custom, mmar.layout.root))
        except CannotLoad as error:
            wrong((*path, "path"), dotted, str(error), error.hint)
            return
    elif isinstance(name, str) and name in BUILTINS[kind]:
        cls = resolve(kind, name)
    elif isinstance(name, str):
        elsewhere = [other for other in BUILTINS if name in BUILTINS[other]]
        word = kind.removesuffix("s")
        hint = f"{name} is no {word}: it goes under {elsewhere[0]!r}" if elsewhere else ""
        wrong(
            (*path, "name"),
            name,
            f"no {word} is called {name!r}",
            hint or nearest(name, BUILTINS[kind]) or f"there are {', '.join(BUILTINS[kind])}",
        )
        return
    else:
        return
    if kind == "scheduler" and not callable(getattr(cls, "pick", None)):
        wrong(path, cls.__name__, f"{cls.__name__} has no method pick(queue, idle)")
        return
    base = BASES[kind]
    if base is not None and not issubclass(cls, base):
        fits = [other for other, kin in BASES.items() if kin is not None and issubclass(cls, kin)]
        wrong(
            path,
            cls.__name__,
            f"{cls.__name__} is no subclass of {base.__name__}",
            f"it goes under {fits[0]!r}"
            if fits
            else f"derive it from mmar_automl.api.{base.__name__}, which is Clara's class, too",
        )
        return
    if inspect.isabstract(cls):
        lacks = [_heading(cls, method) for method in sorted(cls.__abstractmethods__)]
        wrong(
            path,
            cls.__name__,
            f"{cls.__name__} lacks {' and '.join(lacks)}",
            f"the class stands at {_where(cls)}",
        )
    complaint = _arguments(cls, args)
    if complaint:
        close = [nearest(arg, _names(cls)) for arg in args if arg not in _names(cls)]
        place, value = blamed(path, args, complaint)
        wrong(place, value, f"{cls.__name__}: {complaint}", " ".join(filter(None, close)))
    if complaint or inspect.isabstract(cls):
        return
    components.append(Component(kind, str(name or dotted), cls, dict(args), path))


def blamed(path: JsonPath, args: Mapping[str, Any], complaint: str) -> tuple[JsonPath, Any]:
    """The place and value of the argument that a complaint begins with, else of them all."""
    name = complaint.split(maxsplit=1)[0].rstrip(":") if complaint else ""
    if name in args:
        return (*path, "args", name), args[name]
    return ((*path, "args") if args else path), dict(args)


def _heading(cls: type[Any], method: str) -> str:
    """`abort(self, ctx)`: what is to be written, as the base class has it."""
    signature = inspect.signature(getattr(cls, method))
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return f"{method}{inspect.Signature(bare)}"


def _where(cls: type[Any]) -> str:
    """The file and line of a class."""
    try:
        return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        return cls.__module__


def _names(cls: type[Any]) -> list[str]:
    """The arguments that a config may give: of a class of ours, a keyword-only one is the
    application's to fill."""
    return [
        parameter.name
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        or (parameter.kind is inspect.Parameter.KEYWORD_ONLY and not is_ours(cls))
    ]


def is_ours(cls: type[Any]) -> bool:
    """Whether a class is built in, and none that a user has written."""
    return cls.__module__.startswith("mmar_automl.")


def _arguments(cls: type[Any], args: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of a class, or nothing."""
    try:
        signature = inspect.signature(cls)
    except ValueError:
        # Classes written in C may hide what they take; building them will tell.
        return ""
    own = is_ours(cls)
    reserved = [name for name in args if own and name not in _names(cls)]
    try:
        signature.bind(**args)
        if reserved and reserved[0] in signature.parameters:
            raise TypeError(f"got an unexpected keyword argument {reserved[0]!r}")
    except TypeError as error:
        takes = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in signature.parameters.values()
            if not own or parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        ]
        return f"{error}; it takes {inspect.Signature(takes)}"
    return _types(cls, args) if own else ""


def _types(cls: type[Any], args: Mapping[str, Any]) -> str:
    """The first argument of a class of ours that is not of the type that it is declared with."""
    hints = get_type_hints(cls.__init__)
    for name, value in args.items():
        allowed = _alternatives(hints.get(name, object))
        if not any(_fits(value, kind) for kind in allowed):
            words = " or ".join(_word(kind) for kind in allowed)
            return f"{name} must be {words}, got {value!r}"
    return ""


def _alternatives(hint: Any) -> list[Any]:
    """The types that a declaration allows, and the values of a `Literal`, each as a `Literal`."""
    if get_origin(hint) is Literal:
        return [Literal[value] for value in get_args(hint)]
    if get_origin(hint) in (Union, UnionType):
        return [kind for part in get_args(hint) for kind in _alternatives(part)]
    return [hint]


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        (only,) = get_args(kind)
        return type(value) is type(only) and bool(value == only)
    plain = get_origin(kind) or kind
    if plain in (object, Any) or (plain is float and type(value) is int):
        return True
    # An int is no bool here, and a text no sequence.
    exact = plain in (bool, int, float, str, type(None))
    if exact:
        return type(value) is plain
    return isinstance(value, plain) and not isinstance(value, str)


def _word(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return repr(get_args(kind)[0])
    plain = get_origin(kind) or kind
    names = {type(None): "null", Sequence: "list", Mapping: "object"}
    return str(names.get(plain, getattr(plain, "__name__", plain)))
