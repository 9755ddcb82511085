"""Our names and values in the form that MLflow takes. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_FORBIDDEN = re.compile(r"[^\w\-. :]")
_SAMPLE = re.compile(r"system/\w+")
_LONGEST_NAME = 200
"""MLflow takes 250; the tag that keeps the original needs the rest for its prefix."""
LONGEST_VALUE = 6000
"""MLflow cuts longer values with only a log line, so that two could look the same."""


def legal_name(name: str) -> str:
    """A name that MLflow accepts: the same for the same name, different for different ones.

    A name that had to be changed ends in six digits of its hash, so that what it becomes does
    not hang on which other names a job has.
    """
    if _SAMPLE.fullmatch(name) and len(name) <= _LONGEST_NAME:
        # The one place for a slash: MLflow's page has a tab for what begins so.
        return name
    clean = _FORBIDDEN.sub("_", name).replace("..", "._").strip(" ")
    if clean == name and clean not in ("", ".") and len(name) <= _LONGEST_NAME:
        return name
    return f"{clean[: _LONGEST_NAME - 7]}-{_digest(name)[:6]}"


def text_of(value: Any) -> str:
    """A parameter's value in words: text as it is, anything else as JSON.

    Text that would read as another value stands in quotes (`"1"`), as does text that not every
    database takes: control characters and lone surrogates are escaped.
    """
    if isinstance(value, str) and value.isprintable() and not _reads_as_json(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def fitting(text: str) -> str:
    """The text if MLflow keeps it whole, else its beginning with a hash of all of it."""
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[: LONGEST_VALUE - 80]}… sha256:{_digest(text)}"


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return not text
    except RecursionError:
        pass
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
