"""Everything that can be known to be wrong before a job starts, in one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.app.components import check_components
from mmar_automl.app.configured import Component, read_components
from mmar_automl.app.own_python import check_own_python
from mmar_automl.app.precedence import check_overridden, check_validation_interval
from mmar_automl.app.trial import check_first_rung, check_refused
from mmar_automl.defs import SearchSpace
from mmar_automl.errors import ConfigProblems, Problem
from mmar_automl.executors.base_mmar import BaseMMARExecutor
from mmar_automl.executors.mmar import MMARExecutor
from mmar_automl.mmar.load import Mmar, read
from mmar_automl.mmar.scripts import trains_with_ours
from mmar_automl.mmar.source import JsonSource
from mmar_automl.mmar.validate import check_files
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import read_space


@dataclass(frozen=True)
class Checked:
    """An MMAR with everything found out about it. `problems` holds errors and warnings alike."""

    mmar: Mmar
    space: SearchSpace
    components: tuple[Component, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> list[Problem]:
        """The problems that forbid a run."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def trains_with_ours(self) -> bool:
        """Whether a job is a training of ours, so that the config is one for `train`, too."""
        return trains_with_ours(self.mmar.layout) and not _executes_otherwise(self.components)


def check(
    root: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    automl_config: str | None = None,
    train_config: str | None = None,
    data: bool = True,
) -> Checked:
    """Check the MMAR at `root`.

    A file that cannot be read is a problem, too, and the others are checked all the same. Raises
    `BadInput` where there is no MMAR.
    """
    mmar, problems = read(root, overrides, automl_config=automl_config, train_config=train_config)
    components: list[Component] = []
    unfit: list[Problem] = []
    if mmar.automl_config.readable:
        components, unfit = read_components(mmar)
    scripts = not _executes_otherwise(components)
    problems += check_files(mmar, data=data, scripts=scripts)
    space, right = SearchSpace(()), False
    if mmar.train_config.readable:
        space, found = check_search(mmar)
        problems += found
        right = not any(problem.severity == "error" for problem in found)
    problems += unfit
    problems += check_refused(mmar, components, space if right and _is_known(components) else None)
    if right and scripts and trains_with_ours(mmar.layout):
        problems += check_first_rung(mmar, components, space)
    if scripts:
        problems += check_components(mmar, problems)
    problems += check_own_python(mmar)
    return Checked(mmar, space, tuple(components), tuple(problems))


def _executes_otherwise(components: Iterable[Component]) -> bool:
    """Whether a user's own executor runs the jobs: what it needs of the MMAR is its business."""
    return any(
        component.kind == "executor" and not issubclass(component.cls, MMARExecutor)
        for component in components
    )


def _is_known(components: Iterable[Component]) -> bool:
    """Whether the space of the search is the one of the config, and no executor's own."""
    usual = BaseMMARExecutor.determine_search_space
    return all(
        getattr(component.cls, "determine_search_space", None) is usual
        for component in components
        if component.kind == "executor"
    )


def check_search(mmar: Mmar) -> tuple[SearchSpace, list[Problem]]:
    """As `read_search`, with what the rest of the MMAR does to the search."""
    space, problems = read_search(mmar)
    problems += check_overridden(mmar, space)
    if trains_with_ours(mmar.layout):
        problems += check_validation_interval(mmar, space)
    return space, problems


def read_search(mmar: Mmar) -> tuple[SearchSpace, list[Problem]]:
    """The search space of the training config, and what is wrong with its search sections."""
    findings = Findings()
    ours = trains_with_ours(mmar.layout)
    space = read_space(mmar.train_config.data, findings, clara_sections=ours)
    problems = locate(mmar.train_config, findings.problems)
    if not space.parameters and not findings.errors:
        problems.append(
            Problem(
                severity="error",
                file=str(mmar.train_config.file),
                line=1,
                message="nothing to search: the config has no search section",
                hint="see docs/search-space.md",
            )
        )
    return space, problems


def require(checked: Checked) -> Checked:
    """The same, or `ConfigProblems` if anything forbids a run."""
    if checked.errors:
        raise ConfigProblems(checked.problems)
    return checked


def locate(source: JsonSource, problems: Iterable[Problem]) -> list[Problem]:
    """The problems of a config's content, with its file and their lines."""
    return [
        dataclasses.replace(problem, file=str(source.file), line=source.line(problem.path))
        for problem in problems
    ]
