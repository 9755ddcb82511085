"""Translating small configs: what a test says is only what differs from a config that works."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.source import read_json
from mmar_automl.trainer.translate import Translation, translate

SAMPLE = Path(__file__).parents[3] / "sample_mmar"


@pytest.fixture
def config() -> dict[str, Any]:
    """The sample's training config, to be changed at will."""
    return json.loads((SAMPLE / "config" / "config_train.json").read_text())


@pytest.fixture
def translated(tmp_path: Path) -> Callable[..., Translation]:
    """Translate a config as an MMAR's file would be, with `--set` values as keywords."""

    def translate_it(
        config: Any, *, device: str = "cpu", rank: int = 0, folders: Any = (), **overrides: Any
    ) -> Translation:
        file = tmp_path / "config_train.json"
        file.write_text(json.dumps(config, indent=2))
        environment = {"DATA_ROOT": "/data", "DATASET_JSON": "/data/list.json"}
        mapping = copy.deepcopy(config) if isinstance(config, dict) else {}
        known = variables(mapping, environment, overrides, tmp_path)
        return translate(read_json(file), known, device=device, rank=rank, folders=folders)

    return translate_it


@pytest.fixture
def complaints(translated: Callable[..., Translation]) -> Callable[..., list[tuple[Any, ...]]]:
    """The problems of a config as (JSON path, message, hint)."""
    from mmar_automl.errors import format_path

    def find(config: Any, **keywords: Any) -> list[tuple[Any, ...]]:
        return [
            (format_path(problem.path), problem.message, problem.hint)
            for problem in translated(config, **keywords).problems
        ]

    return find
