"""The MMAR as a search found it: what it tells must not hang on what was edited since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import Mmar, read
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json


def mmar_of(layout: MmarLayout, run: RunLayout) -> Mmar:
    """The MMAR with the configs and the words of `--set` that the run's folder keeps.

    What is not kept there, or cannot be read, is as the MMAR has it now. Raises nothing for it.
    """
    now, _ = read(layout.root)
    told = kept_config(run, "set.json")
    return Mmar(
        layout=layout,
        train_config=_kept(run.configs / layout.train_config.name) or now.train_config,
        automl_config=_kept(run.configs / layout.automl_config.name) or now.automl_config,
        environment=_kept(run.configs / layout.environment.name) or now.environment,
        overrides=told or {},
    )


def kept_config(run: RunLayout, name: str) -> dict[str, Any] | None:
    """A config as the run's folder keeps it; None where it is not there or cannot be read."""
    source = _kept(run.configs / name)
    return source.data if source else None


def _kept(file: Path) -> JsonSource | None:
    try:
        source = read_json(file)
    except (OSError, UnreadableJson):
        return None
    return source if isinstance(source.data, dict) else None
