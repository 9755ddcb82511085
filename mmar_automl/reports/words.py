"""Times and values as reports write them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_ROOM = 100


def duration(seconds: float) -> str:
    """`24 s`, `3:05 min`, `2:10 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d} h"


def value_text(value: Any) -> str:
    """A JSON value, floats to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shortened(text: str, most: int) -> str:
    """At most so many characters, the middle left out.

    Where there is room for it, the middle's hash stands in its place: two texts never look the
    same that are not.
    """
    if len(text) <= most:
        return text
    between = "…"
    if most >= _ROOM:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        between = f" …{digest[:8]}… "
    head = (most - len(between)) * 2 // 3
    return f"{text[:head]}{between}{text[len(text) - (most - len(between) - head) :]}"
