"""What a person is told of an exception: the cause, the component at work, the case's file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any

from mmar_automl.errors import JsonPath, MmarAutomlError, format_path

_ERROR_LINE = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Warning): ")
_CASE_IN_TEXT = re.compile(r"\[case ([^\]\n]+)\]")
_OUT_OF_MEMORY = ("OutOfMemoryError", "CUDA out of memory", "can't allocate memory", "MemoryError",
                  "std::bad_alloc", "Cannot allocate memory")  # fmt: skip


class TrainingFailed(MmarAutomlError):
    """The training began and ended in an error; the message names the component and the case."""

    exit_code = 1

    def __init__(self, message: str, kind: str = "training") -> None:
        super().__init__(message)
        self.kind = kind


class Diverged(Exception):
    """The loss has been no finite number for several iterations in a row."""


def kind_of(error: BaseException) -> str:
    """The class of a failure, as `fault_class` in train_stats.json has it."""
    every = [error, *_causes(error)]
    if any(isinstance(each, Diverged) for each in every):
        return "diverged"
    if any(word in f"{type(each).__name__}: {each}" for each in every for word in _OUT_OF_MEMORY):
        return "out_of_memory"
    return "training"


def root_cause(error: BaseException) -> BaseException:
    """The exception that started it: MONAI wraps each one several times."""
    return [error, *_causes(error)][-1]


def describe(error: BaseException) -> str:
    """An exception in one line; of one that a data loader's worker sent, its own last line."""
    cause = root_cause(error)
    lines = [line.strip() for line in str(cause).strip().splitlines() if line.strip()]
    if not lines:
        return type(cause).__name__
    if "Traceback" in str(cause):
        # The first of a chain of errors is the one that the others were raised from.
        return next((line for line in lines if _ERROR_LINE.match(line)), lines[-1])
    name = "" if isinstance(cause, Diverged) else f"{type(cause).__name__}: "
    return f"{name}{' '.join(lines)[:600]}"


def case_file(error: BaseException) -> str | None:
    """The file that was being read or transformed when it failed, where that can be told.

    A batch has several: then all that were in it, up to three.
    """
    for each in [error, *_causes(error)]:
        told = _CASE_IN_TEXT.findall(str(each))
        if told:
            return str(told[-1])
    found = None
    for frame in frames(error):
        for local in ("data", "d", "input_", "item", "img", "filename"):
            found = file_of(frame.f_locals.get(local)) or found
    if found is None:
        for frame in frames(error):
            for local in ("batchdata", "batch"):
                found = file_of(frame.f_locals.get(local)) or found
    return found


def file_of(value: Any) -> str | None:
    """The file that a case, an image or a batch of images was read from, if it says so."""
    if isinstance(value, Mapping):
        value = value.get("image", value.get("label"))
    meta = getattr(value, "meta", None)
    if isinstance(meta, dict):
        value = meta.get("filename_or_obj")
    if isinstance(value, list):
        texts = list(dict.fromkeys(text for text in value if _is_file(text)))
        more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
        return ", ".join(texts[:3]) + more if texts else None
    return value if _is_file(value) else None


def place_of(error: BaseException, origins: Mapping[int, JsonPath]) -> JsonPath | None:
    """The JSON path of the innermost object of `origins` (by `id`) that was at work."""
    found = None
    for frame in frames(error):
        for local in ("self", "transform", "t", "_transform", "handler"):
            found = origins.get(id(frame.f_locals.get(local))) or found
    return found


def shown(path: JsonPath, component: Any) -> str:
    """`train.loss: DiceLoss(softmax=True)`, or the path alone where no component stands."""
    text = format_path(path)
    if not isinstance(component, dict) or not ("name" in component or "path" in component):
        return text
    args = component.get("args")
    pairs = args.items() if isinstance(args, dict) else ()
    inside = ", ".join(f"{key}={_short(value)}" for key, value in pairs)
    return f"{text}: {component.get('path', component.get('name'))}({inside})"


def frames(error: BaseException) -> Iterator[FrameType]:
    """The frames of an exception and of those that it came from, the cause's last."""
    for each in [error, *_causes(error)]:
        for frame, _ in walk(each.__traceback__):
            yield frame


def walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames of one traceback, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    under: BaseException | None = error
    while under is not None:
        over, under = under, under.__cause__ or (
            None if under.__suppress_context__ else under.__context__)  # fmt: skip
        if under is None or under in found or under is over:
            break
        found.append(under)
    return found


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and "/" in value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
