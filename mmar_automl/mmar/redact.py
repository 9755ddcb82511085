"""What must not leave the MMAR: where patients' data lies and what it is called.

Two nets. The names in the data lists are known, and are found wherever they stand, whole or in
part; what looks like a medical file, a DICOM UID or a patient's field is found without a list.
What is found becomes `<data:1f3a9c>`: the same for the same text within one search, and of no
use without that search's token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mmar_automl.mmar.datalist import DataList

# fmt: off
_ORDINARY = frozenset(
    {
        "images", "labels", "imagestr", "labelstr", "imagests", "labelsts", "image",
        "label", "train", "training", "val", "valid", "validation", "test", "testing",
        "data", "dataset", "ct", "mr", "mri", "pet", "t1", "t1c", "t1w", "t2", "t2w",
        "flair", "dwi", "adc", "seg", "mask", "masks", "img", "lbl", "gt", "raw", "left",
        "right", "male", "female", "true", "false", "none", "null"
    }
)
# fmt: on
"""Words that name no patient; to take them out of a text would only spoil it."""
_FILE = re.compile(
    r"""(?ix) (?: [^\s'"<>|]* [/\\] )? [^\s'"<>|/\\]+
    \. (?: nii(?:\.gz)? | dcm | dicom | ima | mha | mhd | nrrd | nhdr | mgz | mgh ) (?![\w]) """
)
_UID = re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d*)){5,}(?![\w.]*\w)")
_FIELD = re.compile(
    r"(?im)\b(patient\s*'?s?[ _]?(?:name|id|birth[ _]?date|sex|age)|accession[ _]?number|mrn)"
    r"(\W{0,4}[:=]\s*)(\S[^\n]*)"
)
_WORD = re.compile(r"[\w.+\-@~^%]+")
_PIECES = re.compile(r"([._\-+@~^%]+)")
_MANY_PIECES = 12


class Redactor:
    """Takes out of a text what names a patient's data. `key` is the search's own secret."""

    def __init__(self, lists: Iterable[DataList], key: str) -> None:
        self._key = key.encode()
        lists = list(lists)
        self.blind = any(item.content is None for item in lists)
        """A data list could not be read: its names cannot be recognised."""
        names, self._folders = _names(lists)
        self._words = frozenset(name.lower() for name in names if _WORD.fullmatch(name))
        # Longest first: a name may be part of another.
        self._odd = sorted(
            {form for name in names for form in _spellings(name) if not _WORD.fullmatch(form)},
            key=len,
            reverse=True,
        )

    def __call__(self, text: str) -> str:
        """The text without them."""
        for folder, shown in self._folders:
            text = text.replace(folder, shown)
        for name in self._odd:
            if name in text:
                text = text.replace(name, self._mark(name))
        text = _FILE.sub(self._marked, text)
        text = _UID.sub(self._marked, text)
        text = _FIELD.sub(lambda m: m[1] + m[2] + self._mark(m[3]), text)
        return _WORD.sub(self._word, text) if self._words else text

    def _marked(self, found: re.Match[str]) -> str:
        return self._mark(found.group())

    def _mark(self, text: str) -> str:
        return (
            f"<data:{hmac.new(self._key, text.lower().encode(), hashlib.sha256).hexdigest()[:6]}>"
        )

    def _word(self, found: re.Match[str]) -> str:
        """A word that is a name, or is put together from one and something else."""
        word = found.group()
        if word.lower() in self._words:
            return self._mark(word)
        parts = _PIECES.split(word)
        if not 1 < len(parts) <= 2 * _MANY_PIECES:
            return word
        for length in range(len(parts), 0, -1):
            for start in range(len(parts) - length + 1):
                piece = "".join(parts[start : start + length])
                if piece.lower() in self._words and not _is_fraction(parts, start, length):
                    before, after = "".join(parts[:start]), "".join(parts[start + length :])
                    return (
                        _WORD.sub(self._word, before)
                        + self._mark(piece)
                        + (_WORD.sub(self._word, after))
                    )
        return word


def _is_fraction(parts: list[str], start: int, length: int) -> bool:
    """Whether this piece is a part of a number or a version: 0001 is, in 0.0001."""
    if length > 1 or not parts[start].isdigit():
        return False
    before, after = parts[max(0, start - 2) : start], parts[start + 1 : start + 3]
    return (len(before) == 2 and before[1] == "." and before[0].isdigit()) or (
        len(after) == 2 and after[0] == "." and after[1].isdigit()
    )


def _spellings(name: str) -> Iterator[str]:
    """A name as it stands in a text, and in JSON."""
    yield name
    yield json.dumps(name)[1:-1]


def _names(lists: list[DataList]) -> tuple[set[str], list[tuple[str, str]]]:
    """The names that stand for single entries, and the folders that hold everything."""
    names: set[str] = set()
    folders: dict[str, str] = {}
    for item in lists:
        folders[str(item.base)] = "{DATA_ROOT}"
        folders[str(item.file.parent)] = "{DATA_ROOT}"
        entries = list(item.entries())
        told = Counter[str]()
        absolute = []
        for entry in entries:
            mine: set[str] = set()
            for key, value in _texts("", entry):
                mine |= set(_forms(key, value))
                if os.path.isabs(value):
                    absolute.append(os.path.dirname(value))
            told.update(mine)
        if absolute:
            folders[os.path.commonpath(absolute)] = "{DATA_ROOT}"
        for name, count in told.items():
            # What stands in every entry tells none of them from another: a folder, a modality.
            shared = count == len(entries) > 1 and "/" not in name
            if not shared and name.lower() not in _ORDINARY:
                names.add(name)
    folders.pop("/", None)
    return names, sorted(folders.items(), key=lambda pair: -len(pair[0]))


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner, item in value.items():
            yield from _texts(str(inner), item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item)
    elif type(value) is int and value >= 10_000:
        yield key, str(value)


def _forms(key: str, value: str) -> Iterator[str]:
    """How a text of an entry may be named: whole, by its folders, its file, its parts."""
    tells = re.search(r"(?i)patient|subject|case|name|id$|uid|series|study|accession", key)
    path = "/" in value or "\\" in value or bool(_suffix(value))
    if not path and not tells and value.islower() and value.isalpha():
        # A word of a vocabulary: a fold, a diagnosis, a scanner.
        return
    components = [part for part in re.split(r"[/\\]+", value) if part not in ("", ".", "..")]
    found = {value, *components}
    for component in components:
        stem = component[: -len(_suffix(component))] if _suffix(component) else component
        found.add(stem)
        found |= {part for part in _PIECES.split(stem) if re.search(r"\d", part) and len(part) > 4}
        found |= {part for part in re.split(r"[\s,;^]+", stem) if len(part) > 4}
    for name in found:
        # A name of one or two characters, or a small number, stands everywhere and tells nobody.
        if len(name) > 3 or (len(name) == 3 and not name.isdigit()):
            yield name


def _suffix(name: str) -> str:
    found = re.search(r"(?i)(\.[a-z]\w{0,6})(\.gz|\.bz2|\.zip)?$", name)
    return found.group() if found and found.start() else ""


Redact = Callable[[str], str]
