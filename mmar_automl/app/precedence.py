"""What the rest of an MMAR does to the values that a search writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mmar_automl.defs import Choices, SearchSpace
from mmar_automl.errors import JsonPath, Problem
from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.scripts import set_in_round_script

Choose = Callable[[Iterable[int]], int]
"""`min` or `max`."""
_INTERVALS = ("num_interval_per_valid", "num_training_epoch_per_valid")
"""Clara 4's name and Clara 3's."""


def check_overridden(mmar: Mmar, space: SearchSpace) -> list[Problem]:
    """A searched first-level value that something of higher precedence would override."""
    in_script = set_in_round_script(mmar.layout)
    problems = []
    for name, path in _first_level(space):
        if name in mmar.overrides:
            where, hint = "--set", "leave it out"
        elif name in mmar.environment.data:
            where, hint = "config/environment.json", "delete it there"
        elif name in in_script:
            where, hint = f"commands/{mmar.layout.round_script.name}", "delete it there"
        else:
            continue
        message = f"{name!r} is searched, but {where} sets it for every job"
        problems.append(mmar.train_config.problem(path, name, message, hint))
    return problems


def check_validation_interval(mmar: Mmar, space: SearchSpace) -> list[Problem]:
    """Fewer epochs than the interval between validations: no score would ever come."""
    epochs, epochs_path = _extreme(mmar, space, "epochs", min)
    interval, path = _interval(mmar, space, max)
    if epochs is None or interval is None or interval <= epochs:
        return []
    # The search entry is the place to mend, where there is one.
    path = epochs_path if len(epochs_path) > 1 else path
    return [
        mmar.train_config.problem(
            path,
            epochs if path == epochs_path else interval,
            f"validation every {interval} epochs, but a training has {epochs}: "
            "no such job would get a score",
            f"set the interval to {epochs} or less, or train for {interval} epochs or more",
        )
    ]


def epochs_of(mmar: Mmar, space: SearchSpace, choose: Choose) -> int | None:
    """The epochs of a training; `choose` says which where they are searched, `min` or `max`.

    None where the config has no plain number.
    """
    return _extreme(mmar, space, "epochs", choose)[0]


def interval_of(mmar: Mmar, space: SearchSpace, choose: Choose) -> int | None:
    """The epochs from one validation to the next; as `epochs_of`."""
    return _interval(mmar, space, choose)[0]


def _interval(mmar: Mmar, space: SearchSpace, choose: Choose) -> tuple[int | None, JsonPath]:
    name = next((name for name in _INTERVALS if name in mmar.variables), _INTERVALS[0])
    written = _handler_interval(mmar.train_config.data)
    if written is None or written[0] == f"{{{name}}}":
        return _extreme(mmar, space, name, choose)
    value, place = written
    return _number(_resolved(mmar, value)), place


def _extreme(
    mmar: Mmar, space: SearchSpace, name: str, choose: Choose
) -> tuple[int | None, JsonPath]:
    """The smallest or largest value that a first-level number can have, and where it is from."""
    for parameter in space:
        names = [arg.name for arg in parameter.args]
        if not parameter.component and name in names:
            domain = parameter.domain
            if isinstance(domain, Choices):
                column = [option[names.index(name)] for option in domain.options]
                numbers = [_number(value) for value in column]
                known = [number for number in numbers if number is not None]
            else:
                known = [int(domain.min), int(domain.max)]
            if known:
                return choose(known), (*parameter.source, "targets")
    return _number(mmar.variables.get(name)), (name,)


def _handler_interval(config: Mapping[str, Any]) -> tuple[Any, JsonPath] | None:
    """What ValidationHandler's interval is and where; None in place of it if it is no epochs."""
    train = config.get("train")
    handlers = train.get("handlers") if isinstance(train, Mapping) else None
    for index, handler in enumerate(handlers if isinstance(handlers, list) else []):
        if not isinstance(handler, Mapping) or handler.get("name") != "ValidationHandler":
            continue
        args = handler.get("args")
        if isinstance(args, Mapping) and "interval" in args:
            by_epoch = args.get("epoch_level", True) is True
            place = ("train", "handlers", index, "args", "interval")
            return (args["interval"] if by_epoch else None), place
    return None


def _resolved(mmar: Mmar, value: Any) -> Any:
    try:
        return substitute(value, mmar.variables)
    except UnknownVariable:
        return None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first_level(space: SearchSpace) -> Iterator[tuple[str, JsonPath]]:
    for parameter in space:
        if not parameter.component:
            for position, arg in enumerate(parameter.args):
                yield arg.name, (*parameter.source, "args", position)
