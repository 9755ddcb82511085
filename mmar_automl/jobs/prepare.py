"""Recommendation → a job MMAR on disk, ready to train."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.defs import Recommendation
from mmar_automl.jobs import result
from mmar_automl.mmar.clone import clone
from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.write import write_json
from mmar_automl.search import apply


def prepare(
    mmar: Mmar,
    recommendation: Recommendation,
    job: MmarLayout,
    record: Mapping[str, Any],
    *,
    remove_search: bool = True,
) -> None:
    """Clone the MMAR to `job` and write its concrete config, environment and `job.json`.

    The config is always `config/config_train.json`, whatever the base's file is called: Clara's
    round scripts name that path. No score file is there afterwards. Raises `OSError`.
    """
    config = apply(mmar.train_config.data, recommendation.result, remove_search=remove_search)
    clone(mmar.layout, job, sorted(_loaded_models(mmar, config)))
    write_json(job.train_config, config)
    if mmar.environment.data:
        write_json(job.environment, mmar.job_environment())
    result.clear(job)
    write_json(job.job, record)


def prepare_again(job: MmarLayout) -> bool:
    """Make a job MMAR ready for another attempt, its checkpoint kept; whether that was possible.

    If not (its making was cut short), nothing of it is left and it has to be made anew.
    """
    if job.job.is_file() and job.train_config.is_file():
        job.train_stats.unlink(missing_ok=True)
        job.exit_status.unlink(missing_ok=True)
        return True
    shutil.rmtree(job.root, ignore_errors=True)
    return False


def _loaded_models(mmar: Mmar, config: Mapping[str, Any]) -> set[Path]:
    """The files under `models/` that environment.json names and an enabled component loads."""
    root = mmar.layout.root
    wanted = set()
    for name, value in mmar.environment.data.items():
        if isinstance(value, str) and name.startswith("MMAR_"):
            file = root / value
            if file.is_file() and file.is_relative_to(mmar.layout.models):
                wanted.add((name, file))
    if not wanted:
        return set()
    texts = list(_enabled_strings(config, mmar.variables))
    return {file for name, file in wanted if any(f"{{{name}}}" in text for text in texts)}


def _enabled_strings(node: Any, variables: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node, Mapping):
        try:
            if substitute(node.get("disabled"), variables) is True:
                return
        except UnknownVariable:
            pass
        for child in node.values():
            yield from _enabled_strings(child, variables)
    elif isinstance(node, list):
        for child in node:
            yield from _enabled_strings(child, variables)
    elif isinstance(node, str):
        yield node
