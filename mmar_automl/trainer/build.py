"""MONAI's ConfigParser makes the objects; here they get their order and their errors a place."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Any

from mmar_automl.errors import BadInput, JsonPath, MmarAutomlError
from mmar_automl.trainer.checkpoint import guard
from mmar_automl.trainer.faults import (
    TrainingFailed,
    case_file,
    describe,
    kind_of,
    place_of,
    root_cause,
    shown,
    walk,
)
from mmar_automl.trainer.recorder import key_metric
from mmar_automl.trainer.translate import Translation

# A DataLoader draws from torch's generator when it is made, as a network does for its weights:
# another order would be another training under the same seed.
ORDER = (
    "train::model",
    "validate::model",
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


class CannotBuild(BadInput):
    """A component's constructor refused; the message names its place, its arguments, the cause."""


@dataclass(frozen=True)
class Built:
    """The objects of a bundle config by their ids, such as `train::trainer`.

    `savers` are ignite's Checkpoints, once `guard_savers` has found them.
    """

    parser: Any
    translation: Translation
    savers: list[Any] = field(default_factory=list)

    def __getitem__(self, id: str) -> Any:
        made = self.get(id)
        if made is None:
            raise KeyError(id)
        return made

    def get(self, id: str) -> Any:
        """The object, or None if the config has none of that id."""
        return self.parser.ref_resolver.resolved_content.get(id)

    def handlers(self) -> list[Any]:
        """Those of the trainer and of the evaluator."""
        return [*(self.get("train::handlers") or ()), *(self.get("validate::handlers") or ())]

    def guard_savers(self) -> None:
        """Make every CheckpointSaver safe; see `checkpoint.guard`."""
        for handler in self.handlers():
            if hasattr(handler, "_key_metric_checkpoint"):
                self.savers.extend(guard(handler, key_metric))

    @property
    def first_class(self) -> int:
        """The class that the first value of the key metric is about: 1 without the background."""
        metrics = self.get("validate::key_metric") or {}
        metric = next(iter(metrics.values()), None)
        inside = getattr(metric, "metric_fn", None)
        return 1 if getattr(inside, "include_background", True) is False else 0

    def blame(self, error: BaseException) -> JsonPath | None:
        """The JSON path of the innermost component of ours that was at work when it failed."""
        origins = {
            id(self.get(name)): path
            for name, path in self.translation.origins.items()
            if self.get(name) is not None
        }
        text = str(root_cause(error))
        if "in loading state_dict" in text:
            # The network is at work there, but who loads the wrong file into it is to blame.
            handlers = {key: path for key, path in origins.items() if "handlers" in path}
            origins = handlers if place_of(error, handlers) else origins
        return self._blame_by_text(text) or place_of(error, origins)

    def component_at(self, path: JsonPath) -> Any:
        """What stands in the user's config at a path."""
        component: Any = self.translation.written or self.translation.conf
        for step in path:
            component = component[step]
        return component

    def _blame_by_text(self, text: str) -> JsonPath | None:
        """The same for an error that a data loader's worker sent as text: by the class named."""
        for name in re.findall(r"applying transform <([\w.]+) object", text):
            bearers = {
                path
                for id, path in self.translation.origins.items()
                if type(self.get(id)).__name__ == name.rpartition(".")[2]
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
            cause = root_cause(error)
            if isinstance(cause, MmarAutomlError):
                # Ours already say all, and MONAI has wrapped them.
                raise cause from None
            raise _explained(built, id, error) from error
        if section in ("model", "loss") and hasattr(made, "to"):
            made.to(translation.bundle["device"])
    return built


def failed(built: Built, error: Exception) -> MmarAutomlError:
    """An exception of a running engine: what it was doing, on which case, and why it ended."""
    if isinstance(root_cause(error), MmarAutomlError):
        return root_cause(error)  # type: ignore[return-value]  # as the line above says
    kind = kind_of(error)
    path = ("train", "loss") if kind == "diverged" else built.blame(error)
    path = built.translation.origins.get("::".join(map(str, path or ())), path)
    message = f"{shown(path, built.component_at(path))}: " if path else ""
    return TrainingFailed(message + describe(error) + _on_case(error), kind)


def _explained(built: Built, id: str, error: Exception) -> CannotBuild:
    """The error in Clara's words: what stands in the config, not what it was translated to."""
    path = built.blame(error) or _origin(built.translation, _id_at_work(error) or id)
    component = built.component_at(path)
    middle = " failed: " if isinstance(component, dict) else ": "
    return CannotBuild(shown(path, component) + middle + describe(error) + _on_case(error))


def _on_case(error: BaseException) -> str:
    case = case_file(error)
    return f" [{case}]" if case else ""


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
        for frame, _ in walk(seen.__traceback__):
            if frame.f_code.co_name == "_resolve_one_item":
                found = frame.f_locals.get("id", found)
        seen = seen.__cause__
    return found
