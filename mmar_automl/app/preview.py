"""What a search would do, without doing any of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.api import Controller, Pruner
from mmar_automl.app.builtins import resolve
from mmar_automl.app.check import read_search
from mmar_automl.app.configured import DEFAULT_NAMES, Component, described, read_components
from mmar_automl.app.gpus import visible_gpus
from mmar_automl.defs import Context, ContextKey, Recommendation, SearchSpace
from mmar_automl.engine.dialogue import Dialogue
from mmar_automl.engine.workers import parse_workers
from mmar_automl.errors import BadInput, ConfigProblems, Problem
from mmar_automl.mmar.load import Mmar, read
from mmar_automl.search.apply import apply
from mmar_automl.search.diff import Change, changes


@dataclass(frozen=True)
class Proposal:
    """A recommendation with what it changes in the base config."""

    recommendation: Recommendation
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Preview:
    """A space and the first proposals of the controller. `notice`: if it is a stand-in, why.

    `pruner` says what is cut, and when; it is empty where nothing is.
    """

    space: SearchSpace
    controller: str
    pruner: str
    notice: str
    proposals: tuple[Proposal, ...]
    proposed: int
    """How many configurations the controller proposes before it waits for the first outcome, with
    as many workers as a run on this machine has that is asked for none."""
    problems: tuple[Problem, ...]
    """Warnings about the search sections, and what kept another file from being read."""


def preview(
    root: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    automl_config: str | None = None,
    number: int,
) -> Preview:
    """Look ahead into a search of the MMAR at `root`, with the first `number` proposals.

    The controller is asked, and its answer judged, as by the engine of a run. Only the search
    sections need to be right. Raises `BadInput` where there is no MMAR or the controller fails,
    `ConfigProblems` where a config cannot be read or its space is wrong.
    """
    mmar, unreadable = read(root, overrides, automl_config=automl_config)
    if not mmar.train_config.readable:
        raise ConfigProblems(unreadable)
    space, problems = read_search(mmar)
    if any(problem.severity == "error" for problem in problems):
        raise ConfigProblems(problems)
    problems += unreadable
    components, wrong = read_components(mmar) if mmar.automl_config.readable else ([], [])
    component, notice = _controller(mmar, components, wrong)
    try:
        controller: Controller = component.cls(**component.args)
        context = Context()
        workers, _ = parse_workers(None, len(visible_gpus()))
        context.set_prop(ContextKey.MMAR, mmar)
        context.set_prop(ContextKey.SEARCH_SPACE, space)
        context.set_prop(ContextKey.WORKERS, workers)
        context.set_prop(ContextKey.NUM_WORKERS, len(workers))
        dialogue = Dialogue(controller)
        dialogue.begin(space, context)
        made = [dialogue.proposal(recommended) for recommended in dialogue.initial(context)]
        recommendations = [dialogue.recommendations[proposal.id] for proposal in made]
        proposals = tuple(_propose(mmar, recommendations[:number]))
        controller.shutdown(context)
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{component.name} cannot propose anything: {type(error).__name__}: {error}",
            f"see controller in {mmar.automl_config.file}",
        ) from error
    return Preview(
        space=space,
        controller=described(controller) if isinstance(controller, Controller) else component.name,
        pruner=_pruner(components),
        notice=notice,
        proposals=proposals,
        proposed=len(recommendations),
        problems=tuple(problems),
    )


def _propose(mmar: Mmar, recommendations: Iterable[Recommendation]) -> Iterable[Proposal]:
    base = mmar.train_config.data
    for recommendation in recommendations:
        concrete = apply(base, recommendation.result, remove_search=False)
        yield Proposal(recommendation, tuple(changes(base, concrete)))


def _pruner(components: Sequence[Component]) -> str:
    for component in components:
        if component.kind == "pruner":
            try:
                pruner = component.cls(**component.args)
                return described(pruner) if isinstance(pruner, Pruner) else component.name
            except Exception as error:
                return f"{component.name} cannot be made: {type(error).__name__}: {error}"
    return ""


def _controller(
    mmar: Mmar, components: Sequence[Component], problems: Sequence[Problem]
) -> tuple[Component, str]:
    """The configured controller; a built-in one in place of one that cannot be had."""
    for component in components:
        if component.kind == "controller":
            return component, ""
    name = DEFAULT_NAMES["controller"]
    stand_in = Component("controller", name, resolve("controller", name), {}, ("controller",))
    why = [problem.message for problem in problems if problem.path[:1] == ("controller",)]
    reason = why[0] if why else f"{mmar.automl_config.file.name} names no controller"
    return stand_in, f"{reason}: these are the proposals of {name}"
