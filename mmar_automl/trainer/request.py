"""What is asked of the trainer, and the MMAR's files as the answer begins."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmar_automl.byoc import append_to_path
from mmar_automl.errors import BadInput, ConfigProblems, format_path
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json
from mmar_automl.trainer import checks, process
from mmar_automl.trainer.distributed import ALONE, Place
from mmar_automl.trainer.translate import Translation, translate

log = logging.getLogger("mmar_automl.trainer")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to do: the words of Clara's apps. Paths are relative to the root.

    `resume` goes on from the resumable checkpoint, if there is one. `own_process` says that the
    process is ours alone, so that signals may end it.
    """

    root: Path
    config: str = "config/config_train.json"
    environment: str = "config/environment.json"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    write_stats: bool = False
    resume: bool = False
    own_process: bool = False


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a training or evaluation came to; `value` is None if no validation gave a number."""

    metric: str | None
    value: float | None
    epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A config that was found to be in order, and its variables."""

    translation: Translation
    known: dict[str, Any]


def prepare(
    request: Request, *, training: bool = False, files: bool = True, place: Place = ALONE
) -> Prepared:
    """Read, translate and check an MMAR's config.

    With `training` it has to be one that trains, and validates before it ends. Without `files`
    nobody looks whether the data and models that it names are there. Raises
    `ConfigProblems` with everything that is wrong, the data's missing files included.
    """
    layout = MmarLayout(request.root)
    source = read_config(request.root / request.config)
    environment = read_config(request.root / request.environment)
    config = source.data if isinstance(source.data, dict) else {}
    env = environment.data if isinstance(environment.data, dict) else {}
    known = variables(config, env, request.overrides, request.root)
    folders = [folder for folder in layout.custom if folder.is_dir()]
    append_to_path(layout.custom)
    translation = translate(
        source,
        known,
        device=process.device(known, place),
        rank=place.rank,
        world=place.world,
        folders=folders,
    )
    found = []
    if files:
        found += checks.data_lists(translation, str(source.file))
        found += checks.model_files(translation, str(source.file))
    if training:
        found += checks.validation(translation, str(source.file))
    placed = (replace(problem, line=source.line(problem.path)) for problem in found)
    problems = [*translation.problems, *placed]
    if any(problem.severity == "error" for problem in problems):
        raise ConfigProblems(problems)
    for problem in problems:
        log.warning("%s: %s (%s)", format_path(problem.path), problem.message, problem.hint)
    for notice in translation.notices:
        log.info("note: %s", notice)
    return Prepared(translation, known)


def read_config(file: Path) -> JsonSource:
    """A JSON file of an MMAR; raises `BadInput` or `ConfigProblems` where it can't be read."""
    try:
        return read_json(file)
    except UnreadableJson as error:
        raise ConfigProblems([error.problem]) from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
