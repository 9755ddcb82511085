"""When a search has had enough: what config_automl.json says, and what the command line does."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from mmar_automl.engine.limits import Limits
from mmar_automl.errors import BadInput

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def limits_of(config: Mapping[str, Any], given: Mapping[str, Any], **more: Any) -> Limits:
    """The limits of `config["limits"]`, where `given` on the command line says nothing else.

    The config is one that the schema has passed. Raises `BadInput`.
    """
    said = config.get("limits")
    chosen = dict(said) if isinstance(said, Mapping) else {}
    if "max_time" in chosen:
        chosen["max_time"] = seconds(str(chosen["max_time"]), "limits.max_time")
    chosen.update((name, value) for name, value in given.items() if value is not None)
    if chosen.get("min_delta") and chosen.get("patience") is None:
        raise BadInput("min_delta says nothing without patience", "--patience 10, for instance")
    names = {field.name for field in dataclasses.fields(Limits)}
    return Limits(**{name: value for name, value in chosen.items() if name in names}, **more)


def seconds(text: str | None, option: str) -> float | None:
    """`90`, `90s`, `30m`, `12h`, `2d` in seconds; raises `BadInput`."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    if match is None:
        raise BadInput(f"{option} {text}: not a time", "write 90, 30m, 12h or 2d")
    return float(match[1]) * _UNITS[match[2]]
