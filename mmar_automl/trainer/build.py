"""MONAI's ConfigParser makes the objects; here they get their order and their errors a place."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mmar_automl.errors import BadInput, JsonPath, format_path
from mmar_automl.trainer.translate import Translation

# A DataLoader draws from torch's generator when it is made, as a network does for its weights:
# another order would be another training under the same seed.
ORDER = (
    "train::model",
    "train::loss",
    "train::optimizer",
    "train::lr_scheduler",
    "train::pre_transforms",
    "train::dataset",
    "train::dataloader",
    "train::inferer",
    "train::post_transforms",
    "validate::pre_transforms",
    "validate::dataset",
    "validate::dataloader",
    "validate::inferer",
    "validate::post_transforms",
    "validate::handlers",
    "validate::evaluator",
    "train::handlers",
    "train::trainer",
)

_ERROR_LINE = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Warning): ")


class CannotBuild(BadInput):
    """A component's constructor refused; the message names its place, its arguments, the cause."""


@dataclass(frozen=True)
class Built:
    """The objects of a bundle config by their ids, such as `train::trainer`."""

    parser: Any
    translation: Translation

    def __contains__(self, id: str) -> bool:
        return self._made(id) is not None

    def __getitem__(self, id: str) -> Any:
        made = self._made(id)
        if made is None:
            raise KeyError(id)
        return made

    def get(self, id: str) -> Any:
        """The object, or None if the config has none of that id."""
        return self._made(id)

    def _made(self, id: str) -> Any:
        return self.parser.ref_resolver.resolved_content.get(id)

    def blame(self, error: BaseException) -> JsonPath | None:
        """The JSON path of the innermost component of ours that was at work when it failed."""
        mine = {
            id(self._made(name)): path
            for name, path in self.translation.origins.items()
            if self._made(name) is not None
        }
        found = None
        for frame in _frames(error):
            for local in ("self", "transform", "t", "_transform", "handler"):
                path = mine.get(id(frame.f_locals.get(local)))
                found = path or found
        return self._blame_by_text(str(root_cause(error))) or found

    def _blame_by_text(self, text: str) -> JsonPath | None:
        """The same for an error that a data loader's worker sent as text: by the class named."""
        for name in re.findall(r"applying transform <([\w.]+) object", text):
            bearers = {
                path
                for id, path in self.translation.origins.items()
                if type(self._made(id)).__name__ == name.rpartition(".")[2]
            }
            if len(bearers) == 1:
                return bearers.pop()
        return None


def build(translation: Translation, ids: tuple[str, ...] = ORDER) -> Built:
    """Instantiate the `ids` of a translation that it has, in that order, and all they need.

    Raises `CannotBuild` naming the component by its place in Clara's config.
    """
    from monai.bundle import ConfigParser

    # The parser writes into what it is given.
    parser = ConfigParser(copy.deepcopy(translation.bundle))
    parser.parse()
    built = Built(parser, translation)
    for id in ids:
        scope, _, section = id.partition("::")
        if translation.bundle.get(scope, {}).get(section) is None:
            continue
        try:
            made = parser.get_parsed_content(id)
        except Exception as error:
            raise _explained(built, id, error) from error
        if section in ("model", "loss") and hasattr(made, "to"):
            made.to(translation.bundle["device"])
    return built


def root_cause(error: BaseException) -> BaseException:
    """The exception that started it: MONAI wraps each one several times."""
    seen = {error}
    while True:
        under = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if under is None or under in seen:
            return error
        seen.add(under)
        error = under


def describe(error: BaseException) -> str:
    """An exception in one line; of one that a data loader's worker sent, its own last line."""
    cause = root_cause(error)
    lines = [line.strip() for line in str(cause).strip().splitlines() if line.strip()]
    if not lines:
        return type(cause).__name__
    if "Traceback" in str(cause):
        # The first of a chain of errors is the one that the others were raised from.
        return next((line for line in lines if _ERROR_LINE.match(line)), lines[-1])
    return f"{type(cause).__name__}: {' '.join(lines)[:600]}"


def case_file(error: BaseException) -> str | None:
    """The file that was being read or transformed when it failed, where a frame still has it."""
    found = None
    for frame in _frames(error):
        for local in ("data", "d", "input_", "item", "img", "filename"):
            found = _file_of(frame.f_locals.get(local)) or found
    return found


def _file_of(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("image", value.get("label"))
    meta = getattr(value, "meta", None)
    if isinstance(meta, dict):
        value = meta.get("filename_or_obj")
    return value if isinstance(value, str) and "/" in value else None


def _explained(built: Built, id: str, error: Exception) -> CannotBuild:
    """The error in Clara's words: what stands in the config, not what it was translated to."""
    path = built.blame(error) or _origin(built.translation, _id_at_work(error) or id)
    component: Any = built.translation.conf
    for step in path:
        component = component[step]
    message = f"{format_path(path)}: "
    if isinstance(component, dict):
        args = component.get("args", {}).items()
        shown = ", ".join(f"{key}={_short(value)}" for key, value in args)
        message += f"{component.get('path', component.get('name'))}({shown}) failed: "
    message += describe(error)
    case = case_file(error)
    return CannotBuild(message + (f" [{case}]" if case else ""))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _origin(translation: Translation, id: str) -> JsonPath:
    """The JSON path of an id, or of the nearest component around it."""
    parts = id.split("::")
    for end in range(len(parts), 0, -1):
        path = translation.origins.get("::".join(parts[:end]))
        if path is not None:
            return path
    return tuple(parts[:2])


def _id_at_work(error: BaseException) -> str | None:
    """Which item the parser was resolving. Its messages do not say; its innermost frame does."""
    found = None
    seen: BaseException | None = error
    while seen is not None:
        for frame, _ in _walk(seen.__traceback__):
            if frame.f_code.co_name == "_resolve_one_item":
                found = frame.f_locals.get("id", found)
        seen = seen.__cause__
    return found


def _frames(error: BaseException) -> Iterator[Any]:
    """The frames of an exception and of those that it came from, the cause's last."""
    seen: list[BaseException] = []
    next_one: BaseException | None = error
    while next_one is not None and next_one not in seen:
        seen.append(next_one)
        next_one = next_one.__cause__ or next_one.__context__
    for each in seen:
        for frame, _ in _walk(each.__traceback__):
            yield frame


def _walk(traceback: TracebackType | None) -> Iterator[tuple[Any, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
