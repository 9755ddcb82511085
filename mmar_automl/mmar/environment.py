"""Clara's variables: `{name}` in a config, and where its value comes from.

Precedence, lowest first: built-in defaults, first-level scalars of the config (and
`determinism`), `environment.json`, `--set`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_TRUE = frozenset({"yes", "true", "t", "y"})
_FALSE = frozenset({"no", "false", "f", "n"})

DEFAULTS: dict[str, Any] = {
    "PROCESSING_TASK": "segmentation",
    "MMAR_CKPT_DIR": "models",
    "MMAR_CKPT": "models/model.pt",
    "MMAR_TORCHSCRIPT": "models/model.ts",
    "MMAR_EVAL_OUTPUT_PATH": "eval",
    "dont_load_ckpt_model": True,
    "dont_load_ts_model": True,
    "multi_gpu": False,
    "use_gpu": True,
}
DATA_PATHS = ("DATA_ROOT", "DATASET_JSON")


class UnknownVariable(Exception):
    """A `{name}` that nothing defines."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing defines the variable {{{name}}}")
        self.name = name


def parse_set(words: Iterable[str]) -> dict[str, Any]:
    """The words after `--set`, typed as Clara does: int, else float, else bool, else text.

    A word without `=` is ignored: the shipped scripts leak their own arguments into `--set`.
    """
    return {
        name: parse_value(text)
        for name, separator, text in (word.partition("=") for word in words)
        if separator and name
    }


def parse_value(text: str) -> Any:
    """`"8"` → 8, `"1e-3"` → 0.001, `"true"` → True, anything else stays text."""
    # Python would also read 1_000, nan and inf, which no JSON file could hold.
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return int(text) if _WHOLE.fullmatch(text) else number
    lowered = text.lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    return text


def variables(
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    overrides: Mapping[str, Any],
    root: Path,
) -> dict[str, Any]:
    """Every variable of an MMAR at `root`, by precedence, with its paths made absolute.

    A value whose name begins with `MMAR_` is joined to the root. A relative `DATA_ROOT` or
    `DATASET_JSON` is tried against the root, then against `commands/`.
    """
    found = dict(DEFAULTS)
    for layer in (config, environment, overrides):
        found.update({k: v for k, v in layer.items() if isinstance(v, (str, int, float, bool))})
    for name, value in found.items():
        if not isinstance(value, str) or not value:
            continue
        if name.startswith("MMAR_"):
            found[name] = os.path.join(root, value)
        elif name in DATA_PATHS:
            found[name] = str(locate_data(value, root))
    return found


def locate_data(value: str, root: Path) -> Path:
    """Where a data path of `environment.json` leads: the first place that exists.

    If none does, the place under the root, so that a message can name it.
    """
    candidates = [root / value, root / "commands" / value]
    for candidate in candidates:
        if os.path.exists(candidate):
            return Path(os.path.normpath(candidate))
    return Path(os.path.normpath(candidates[0]))


def substitute(value: Any, known: Mapping[str, Any]) -> Any:
    """`value` with its variables filled in, as a new tree.

    A string that is one `{name}` becomes the typed value; a `{name}` inside a longer string is
    spelt out. Code (`lambda …`, `#…`) is left alone, since its braces are Python's. Raises
    `UnknownVariable` where a whole string is a variable that nothing defines.
    """
    if isinstance(value, dict):
        return {key: substitute(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, known) for item in value]
    if not isinstance(value, str) or "{" not in value or is_code(value):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        if whole[1] not in known:
            raise UnknownVariable(whole[1])
        return known[whole[1]]
    return _PLACEHOLDER.sub(
        lambda match: str(known[match[1]]) if match[1] in known else match[0], value
    )


def is_code(text: str) -> bool:
    """Whether a config string is a Python expression: `#expr` or `lambda …`."""
    return text.startswith(("#", "lambda"))
