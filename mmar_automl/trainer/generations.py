"""Configs of another generation: Clara Train 3.x, which was TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmar_automl.trainer import catalog, names

_SECTIONS = ("image_pipeline", "aux_ops", "batch_transforms")
"""Sections that 4.x has not."""


def tensorflow_components(config: Any) -> list[str]:
    """The components of a 3.x config that are not MONAI's; empty for any other config."""
    sections = [s for s in _sections(config) if isinstance(s, dict)]
    if not any(key in section for section in sections for key in _SECTIONS):
        return []
    every = dict.fromkeys(name for section in sections for name in _names(section))
    return [name for name in every if not _is_todays(name)]


def _sections(config: Any) -> list[Any]:
    if not isinstance(config, dict):
        return []
    return [config, config.get("train"), config.get("validate")]


def _is_todays(name: str) -> bool:
    return names.find(name) is not None or catalog.canonical(name) in catalog.RENAMED


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("name"), str) and "path" not in node:
            yield node["name"].partition("#")[0]
        for key, child in node.items():
            if not key.startswith("_") and key not in ("search", "apply"):
                yield from _names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _names(child)
