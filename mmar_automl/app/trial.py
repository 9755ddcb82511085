"""Built-in components on trial: what they would refuse, or do in vain, is known before a search.

Classes of a user's own are not built here: nobody knows what they do when they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from mmar_automl.api import Controller, Pruner
from mmar_automl.app.configured import Component, blamed, is_ours
from mmar_automl.app.precedence import epochs_of, interval_of
from mmar_automl.defs import Context, ContextKey, SearchSpace
from mmar_automl.errors import JsonPath, Problem
from mmar_automl.mmar.load import Mmar
from mmar_automl.pruners.curves import VALIDATIONS


def check_refused(
    mmar: Mmar, components: Iterable[Component], space: SearchSpace | None
) -> list[Problem]:
    """The built-in components that refuse their arguments, and the controller that refuses `space`.

    None for a space that is not known, or wrong itself.
    """
    problems = []
    for component in components:
        refusal = _refusal(mmar, component, space) if is_ours(component.cls) else ""
        if refusal:
            path, value = blamed(component.path, component.args, refusal)
            message = f"{component.cls.__name__}: {refusal}"
            problems.append(mmar.automl_config.problem(path, value, message))
    return problems


def check_first_rung(
    mmar: Mmar, components: Iterable[Component], space: SearchSpace
) -> list[Problem]:
    """A built-in pruner whose first rung no training comes to before its end: it cuts nothing."""
    epochs, interval = epochs_of(mmar, space, max), interval_of(mmar, space, min)
    problems = []
    for component in components:
        ours = issubclass(component.cls, Pruner) and is_ours(component.cls)
        grace = component.args.get("grace")
        if not ours or epochs is None or (grace is None and interval is None):
            continue
        every = max(1, interval or 1)
        first = VALIDATIONS * every if grace is None else math.ceil(grace / every) * every
        if first < epochs:
            continue
        which = f"the {VALIDATIONS}th validation" if grace is None else f"its grace of {grace}"
        path: JsonPath = component.path if grace is None else (*component.path, "args", "grace")
        problems.append(
            mmar.automl_config.problem(
                path,
                component.name if grace is None else grace,
                f"{component.name} cuts nothing: with {which} it judges from epoch {first} on, "
                f"and a training has {epochs} epochs",
                "give it a smaller grace, validate more often, or leave it out; "
                "see docs/how-to/stop-early.md",
                severity="warning",
            )
        )
    return problems


def _refusal(mmar: Mmar, component: Component, space: SearchSpace | None) -> str:
    """What a built-in component says when it is built, and given the space; empty if nothing."""
    try:
        built = component.cls(**component.args)
        if isinstance(built, Controller) and space is not None:
            context = Context()
            context.set_prop(ContextKey.MMAR, mmar)
            context.set_prop(ContextKey.SEARCH_SPACE, space)
            context.set_prop(ContextKey.NUM_WORKERS, 1)
            built.set_search_space(space, context)
            built.shutdown(context)
    except ValueError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
