"""An entry of the catalog: an old name and what it is today."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.trainer.vocabulary.facts import Facts

Args = dict[str, Any]
Made = dict[str, Any]
"""A component of a 4.1 config."""
Ints = tuple[int, ...]
"""Whole numbers: a list, or 3.x's `"1,2,2,4"`."""

Fields = Union[str, list[str]]
"""Which of a case's data a transform is for: a name or a list of names."""

# What is handed on as it stands, so that a `{variable}` stays one, and only looked at.
Number = Annotated[Any, "a number"]
Numbers = Annotated[Any, "a number or a list of numbers"]
Share = Annotated[Any, "a number from 0 to 1"]
Count = Annotated[Any, "a whole number"]
Counts = Annotated[Any, "a whole number or a list of them"]
Flag = Annotated[Any, "true or false"]

CATALOG: dict[str, Entry] = {}
"""Old name → entry."""

_OWN = "mmar_automl.trainer.clara3"
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Unfit(Exception):
    """An argument that cannot be said in today's words; `argument` may be empty."""

    def __init__(self, argument: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.argument = argument
        self.hint = hint


class Unfits(Exception):
    """All that is wrong with the arguments of one component."""

    def __init__(self, faults: list[Unfit]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@dataclass
class Context:
    """What an entry may ask of the rest of the config, and where it leaves its remarks."""

    facts: Facts
    known: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One old name. `kind` is the section that it belongs to, as `transform` or `loss`."""

    name: str
    kind: str
    function: Callable[..., Made]

    @cached_property
    def differs(self) -> str:
        """Where the semantics differ, or nothing: the docstring behind `Differs:`."""
        text = " ".join((self.function.__doc__ or "").split())
        return text.partition("Differs: ")[2]

    @cached_property
    def arguments(self) -> dict[str, inspect.Parameter]:
        """What the old component took, without our `context`."""
        every = inspect.signature(self.function).parameters
        return {name: parameter for name, parameter in every.items() if name != "context"}

    @cached_property
    def _types(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    def make(self, args: Mapping[str, Any], context: Context) -> Made:
        """The component of today; raises `Unfits` with everything that is wrong."""
        faults = [
            Unfit(name, f"{self.name} has no argument {name!r}",
                  f"it takes {', '.join(self.arguments) or 'none'}")
            for name in args if name not in self.arguments
        ]  # fmt: skip
        needed = {name for name, parameter in self.arguments.items()
                  if parameter.default is inspect.Parameter.empty}  # fmt: skip
        faults += [Unfit("", f"{self.name} needs the argument {name!r}")
                   for name in self.arguments if name in needed and name not in args]  # fmt: skip
        read: dict[str, Any] = {}
        for name in (name for name in self.arguments if name in args):
            try:
                read[name] = self._read(name, args[name], context.known)
            except Unfit as fault:
                faults.append(fault)
        if "context" in inspect.signature(self.function).parameters:
            read["context"] = context
        made: Made = {}
        try:
            # With defaults in place of what is wrong, to hear what else is.
            made = self.function(**read) if needed <= set(read) else {}
        except Unfit as fault:
            faults.append(fault)
        if faults:
            raise Unfits(faults)
        return made

    def _read(self, name: str, given: Any, known: Mapping[str, Any]) -> Any:
        """An argument that is computed with, as a value; one that is handed on, as it stands."""
        wanted = self._types.get(name, Any)
        if type(None) in get_args(wanted):
            if given is None:
                return None
            wanted = Union[tuple(kind for kind in get_args(wanted) if kind is not type(None))]
        if wanted is Any:
            return given
        try:
            value = substitute(given, known)
        except UnknownVariable as error:
            raise Unfit(name, str(error)) from None
        reader, words = _READERS[wanted]
        found = reader(value)
        if found is None:
            raise Unfit(name, f"{name} is {words}")
        return given if get_origin(wanted) is Annotated and value != given else found


def entry(name: str, kind: str) -> Callable[[_Function], _Function]:
    """Put a function into the catalog under an old name."""

    def add(function: _Function) -> _Function:
        CATALOG[name] = Entry(name, kind, function)
        return function

    return add


def component(name: str, **args: Any) -> Made:
    """A component of MONAI's or torch's."""
    return {"name": name, "args": args}


def own(name: str, **args: Any) -> Made:
    """A component of `clara3`, as `transforms.RandCropROId`."""
    return {"path": f"{_OWN}.{name}", "args": args}


def listed(fields: Any) -> list[str]:
    """`fields` may be one name."""
    return [fields] if isinstance(fields, str) else list(fields)


def is_label(name: str) -> bool:
    """Whether a field is a label, which must never be interpolated: 3.x told by its name."""
    return "label" in name.lower()


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def _share(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _numbers(value: Any) -> float | list[float] | None:
    if not isinstance(value, list):
        return _number(value)
    numbers = [_number(item) for item in value]
    found = [number for number in numbers if number is not None]
    return found if found and len(found) == len(numbers) else None


def _counts(value: Any) -> int | list[int] | None:
    if not isinstance(value, (list, str)):
        return _whole(value)
    numbers = _whole_numbers(value)
    return list(numbers) if numbers else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _whole_numbers(value: Any) -> Ints | None:
    if isinstance(value, str):
        value = value.replace("(", "").replace(")", "").split(",")
    numbers = [_whole(item) for item in value] if isinstance(value, list) else [_whole(value)]
    return None if None in numbers else tuple(n for n in numbers if n is not None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _fields(value: Any) -> Fields | None:
    names = value if isinstance(value, list) else [value]
    return value if names and all(isinstance(name, str) and name for name in names) else None


_READERS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    bool: (_flag, "true or false"),
    float: (_number, "a number"),
    int: (_whole, "a whole number"),
    str: (_text, "a text"),
    Ints: (_whole_numbers, "whole numbers, as [1, 2, 2, 4]"),
    Fields: (_fields, "a name or a list of names"),
    **{
        kind: (reader, get_args(kind)[1])
        for kind, reader in (
            (Number, _number),
            (Numbers, _numbers),
            (Share, _share),
            (Count, _whole),
            (Counts, _counts),
            (Flag, _flag),
        )
    },
}
"""Type of an argument → how it is read (None: it is none), and what it is called."""
