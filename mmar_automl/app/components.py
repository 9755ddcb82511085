"""The components of a training config against today's MONAI, torch-free, before any job starts.

A search never trains the config as it stands: what is checked is the config as searched, once
for each choice that switches components on and off.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmar_automl.defs import Choices, Parameter, SearchResult, SearchSpace, Value
from mmar_automl.errors import JsonPath, Problem
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.scripts import trains_with_ours
from mmar_automl.mmar.source import JsonSource
from mmar_automl.search import apply
from mmar_automl.search.components import find_components
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import read_space
from mmar_automl.trainer.choices import EXACTLY_ONE
from mmar_automl.trainer.memory import cached_bytes, total_memory
from mmar_automl.trainer.translate import Translation, translate
from mmar_automl.trainer.vocabulary.config import is_three

VARIANTS = 48
"""So many choices are tried one by one; what a search switches is rarely more."""
LOOKS = 2000
"""So many components are looked at one choice at a time: a very large config gets fewer tries."""
_SHOWN = 4


def check_components(mmar: Mmar, told: Iterable[Problem] = ()) -> list[Problem]:
    """What is wrong with the components of the training config, and what will hurt in a search.

    Nothing where another program trains, or where there is no `train` section to look into. What
    stands at, above or below a place of which an error was `told` already is left out: it would
    be the same mistake in other words.
    """
    config = mmar.train_config.data
    if not trains_with_ours(mmar.layout) or not isinstance(config.get("train"), dict):
        return []
    spoken = [problem.path for problem in told if problem.severity == "error"]
    found: dict[tuple[JsonPath, str], Problem] = {}
    notices: dict[str, None] = {}
    first: Translation | None = None
    for searched in _as_searched(config):
        translation = _translate(mmar, searched)
        first = first or translation
        notices.update(dict.fromkeys(translation.notices))
        for problem in translation.problems:
            if problem.message.endswith(EXACTLY_ONE) or _is_told(problem.path, spoken):
                continue
            found.setdefault((problem.path, problem.message), problem)
    problems = list(found.values())
    if first is not None and not any(problem.severity == "error" for problem in problems):
        warnings = [
            *_renames(list(notices), is_three(config)),
            *_memory(first),
            *_loader_processes(first),
        ]
        problems += [_placed(mmar.train_config, warning) for warning in warnings]
    return problems


def _is_told(path: JsonPath, spoken: Sequence[JsonPath]) -> bool:
    return any(path[: len(other)] == other or other[: len(path)] == path
               for other in spoken if other)  # fmt: skip


def _translate(mmar: Mmar, config: dict[str, Any]) -> Translation:
    source = dataclasses.replace(mmar.train_config, data=config)
    known = variables(config, mmar.environment.data, mmar.overrides, mmar.layout.root)
    folders = [folder for folder in mmar.layout.custom if folder.is_dir()]
    # As for a GPU: what is left out on a CPU is no matter of the config.
    return translate(source, known, device="cuda:0", folders=folders)


def _as_searched(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The configs that a search trains: the first of all choices, then each switch's others."""
    findings = Findings()
    space = read_space(config, findings)
    if findings.errors:
        # The search sections are told of elsewhere; the components may be wrong all the same.
        yield dict(config)
        return
    start = {parameter.key: _first(parameter) for parameter in space}
    tried: set[tuple[tuple[str, Value], ...]] = set()
    tries = max(1, min(VARIANTS, LOOKS // max(1, len(find_components(config)))))
    for values in _choices(space, start, tries):
        key = tuple(space.effective(values).items())
        if key not in tried:
            tried.add(key)
            yield apply(config, SearchResult(space, values))


def _choices(space: SearchSpace, start: dict[str, Value], tries: int) -> Iterator[dict[str, Value]]:
    """All first choices, all second ones, and so on; then one other choice at a time.

    The former reach every choice however many entries there are, the latter what two of them
    together would hide.
    """
    yield start
    switches = {
        parameter.key: parameter.domain.values
        for parameter in space
        if isinstance(parameter.domain, Choices) and _switches(parameter)
    }
    for number in range(1, max(map(len, switches.values()), default=0)):
        yield {**start, **{key: values[number % len(values)] for key, values in switches.items()}}
    others = ({**start, key: value} for key, values in switches.items() for value in values)
    yield from itertools.islice(others, tries)


def _first(parameter: Parameter) -> Value:
    domain = parameter.domain
    return domain.values[0] if isinstance(domain, Choices) else domain.min


def _switches(parameter: Parameter) -> bool:
    """Whether it may switch a component: by `@disabled`, or by a value that others apply."""
    return any(arg.attribute or arg.alias or not parameter.component for arg in parameter.args)


def _placed(source: JsonSource, problem: Problem) -> Problem:
    return dataclasses.replace(problem, file=str(source.file), line=source.line(problem.path))


def _renames(notices: Sequence[str], three: bool) -> Iterator[Problem]:
    if not notices:
        return
    origin, page = ("Clara Train 3.x", "clara-3x") if three else ("an older MONAI", "training")
    shown = "; ".join(notices[:_SHOWN])
    more = f"; and {len(notices) - _SHOWN} more" if len(notices) > _SHOWN else ""
    yield Problem(
        severity="warning",
        message=f"written for {origin}, and translated for each training: {shown}{more}",
        hint=f"nothing has to be changed; docs/{page}.md lists every translation",
    )


def _memory(translation: Translation) -> Iterator[Problem]:
    """A cache that does not fit: every job of a search has its own."""
    needed = {
        scope: cached_bytes(translation.bundle.get(scope, {})) for scope in ("train", "validate")
    }
    total, memory = sum(needed.values()), total_memory()
    if total > memory / 2:
        worst = max(needed, key=lambda scope: needed[scope])
        yield Problem(
            severity="warning",
            path=translation.origins.get(f"{worst}::dataset", (worst, "dataset")),
            message=f"the cached cases take about {_gib(total)} in each job, and this machine has "
            f"{_gib(memory)} for all jobs that run at once",
            hint="a smaller cache_rate or cache_num, or PersistentDataset, which keeps them on "
            "disk",
        )


def _loader_processes(translation: Translation) -> Iterator[Problem]:
    cores = os.cpu_count() or 1
    for scope in ("train", "validate"):
        loader = translation.bundle.get(scope, {}).get("dataloader")
        number = loader.get("num_workers") if isinstance(loader, dict) else None
        if isinstance(number, int) and number > cores:
            path = translation.origins.get(f"{scope}::dataloader", (scope, "dataloader"))
            yield Problem(
                severity="warning",
                path=(*path, "args", "num_workers"),
                value=number,
                message=f"each job starts {number} loader processes, and this machine has {cores} "
                f"core{'' if cores == 1 else 's'}",
                hint="0 loads in the training's own process, which is best for cached cases",
            )


def _gib(number: float) -> str:
    return f"{number / 2**30:.1f} GiB"
