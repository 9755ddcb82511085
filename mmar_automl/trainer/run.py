"""One training of one MMAR, from its files to its score; and one evaluation of its best model."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput, ConfigProblems, MmarAutomlError, Problem, format_path
from mmar_automl.jobs import result
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json
from mmar_automl.trainer import data
from mmar_automl.trainer.build import ORDER, Built, build, case_file, describe
from mmar_automl.trainer.checkpoint import load_weights, save_finite_only
from mmar_automl.trainer.recorder import Recorder, key_metric
from mmar_automl.trainer.translate import Translation, translate

log = logging.getLogger("mmar_automl.trainer")

QUIET = (
    # (message, category): said by libraries about themselves; nothing that a user could mend.
    (r".*torch\.cuda\.amp\.GradScaler.*", FutureWarning),
    (r".*GradScaler is enabled, but CUDA is not available.*", UserWarning),
    (r".*User provided device_type of 'cuda'.*", UserWarning),
    (r".*'pin_memory' argument is set as true but no accelerator.*", UserWarning),
    (r".*Detected call of `lr_scheduler\.step\(\)` before `optimizer\.step\(\)`.*", UserWarning),
    (r".*Using a non-tuple sequence for multidimensional indexing.*", UserWarning),
    (r".*torch\.jit\.(script|interface|isinstance).*", DeprecationWarning),
    (r".*pkg_resources.*", UserWarning),
)


class TrainingFailed(MmarAutomlError):
    """The training began and ended in an error; the message names the component and the case."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to train: the words of Clara's `train` app. Paths are relative to the root."""

    root: Path
    config: str = "config/config_train.json"
    environment: str = "config/environment.json"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    write_stats: bool = False


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a training or evaluation came to; `value` is None if no validation gave a number."""

    metric: str | None
    value: float | None
    epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)


def train(request: Request) -> Score:
    """Train an MMAR. Raises `ConfigProblems` or `BadInput` (2) before, `TrainingFailed` (1) after.

    With `write_stats` the files of `jobs.result` are written; what an earlier training left of
    them is taken away first, so that a failure leaves no score behind.
    """
    layout = MmarLayout(request.root)
    if request.write_stats:
        result.clear(layout)
    translation, known = prepare(request)
    _refuse_unvalidated(translation, request)
    for notice in translation.notices:
        log.info("note: %s", notice)
    if known.get("print_conf") is True:
        print(json.dumps(translation.conf, indent=2, ensure_ascii=False), flush=True)  # noqa: T201
    _quiet()
    _seed(translation.conf, known)
    layout.models.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(layout, write=request.write_stats)
    try:
        built = build(translation)
    except MmarAutomlError as error:
        recorder.write_fault(str(error))
        raise
    trainer, evaluator = built["train::trainer"], built.get("validate::evaluator")
    for handler in built.get("validate::handlers") or ():
        if hasattr(handler, "_key_metric_checkpoint"):
            save_finite_only(handler, key_metric)
    recorder.attach(trainer, evaluator)
    try:
        trainer.run()
    except Exception as error:
        raise _failed(built, error, recorder) from error
    if recorder.best is None:
        log.warning("no validation gave a finite key metric, so there is no score")
    else:
        log.info("best %s: %.4f at epoch %s", recorder.metric, recorder.best, recorder.best_epoch)
    return Score(metric=recorder.metric, value=recorder.best, epoch=recorder.best_epoch)


def evaluate_checkpoint(request: Request, checkpoint: Path | None = None) -> Score:
    """Validate a trained model (default: the MMAR's `models/model.pt`) as its config says.

    Nothing is written: handlers that save anything are left out. The same machine with the same
    number of threads gives the number that the training gave.
    """
    layout = MmarLayout(request.root)
    translation, known = prepare(request)
    validate = translation.bundle.get("validate", {})
    if not validate.get("evaluator"):
        raise BadInput(f"{request.config} has no evaluator to validate with")
    validate.pop("handlers", None)
    validate["evaluator"].pop("val_handlers", None)
    _quiet()
    _seed(translation.conf, known)
    ids = tuple(i for i in ORDER if i == "train::model" or i.startswith("validate::"))
    built = build(translation, ids)
    model = built.get("train::model") or built["validate::model"]
    load_weights(model, checkpoint or layout.checkpoint, translation.bundle["device"])
    evaluator = built["validate::evaluator"]
    try:
        evaluator.run()
    except Exception as error:
        raise _failed(built, error, None) from error
    metrics = {k: float(v) for k, v in evaluator.state.metrics.items() if _is_number(v)}
    return Score(metric=evaluator.state.key_metric_name, value=key_metric(evaluator),
                 metrics=metrics)  # fmt: skip


def prepare(request: Request) -> tuple[Translation, dict[str, Any]]:
    """Read, translate and check an MMAR's training config; returns it with its variables.

    Raises `ConfigProblems` with everything that is wrong, the data's missing files included.
    """
    layout = MmarLayout(request.root)
    source = _read(request.root / request.config)
    environment = _read(request.root / request.environment)
    config = source.data if isinstance(source.data, dict) else {}
    env = environment.data if isinstance(environment.data, dict) else {}
    known = variables(config, env, request.overrides, request.root)
    folders = [folder for folder in layout.custom if folder.is_dir()]
    append_to_path(layout.custom)
    wanted = _device(known)
    translation = translate(source, known, device=wanted, folders=folders)
    problems = [*translation.problems, *data.check(translation, str(source.file))]
    if any(problem.severity == "error" for problem in problems):
        raise ConfigProblems(problems)
    for problem in problems:
        log.warning("%s: %s (%s)", format_path(problem.path), problem.message, problem.hint)
    return translation, known


def append_to_path(folders: Sequence[Path]) -> None:
    """Make an MMAR's own Python importable, behind everything else.

    In front, a file of the user's named `http.py` would take the place of Python's own.
    """
    ours = {os.path.realpath(folder) for folder in folders}
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") not in ours]
    sys.path.extend(str(folder) for folder in folders if folder.is_dir())


def _read(file: Path) -> JsonSource:
    try:
        return read_json(file)
    except UnreadableJson as error:
        raise ConfigProblems([error.problem]) from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None


def _device(known: Mapping[str, Any]) -> str:
    import torch

    if known.get("use_gpu") is not False:
        if torch.cuda.is_available():
            return "cuda:0"
        log.info("note: no GPU is visible, training on the CPU")
    return "cpu"


def _seed(conf: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Clara's first-level switches that are set for the whole process."""
    import torch
    from monai.utils import set_determinism

    determinism = conf.get("determinism")
    if isinstance(determinism, dict) and determinism.get("random_seed") is not None:
        set_determinism(seed=int(determinism["random_seed"]))
        if known.get("cudnn_benchmark") is True:
            log.info("note: cudnn_benchmark stays off, since determinism is asked for")
    elif "cudnn_benchmark" in known:
        torch.backends.cudnn.benchmark = bool(known["cudnn_benchmark"])
    if "tf32" in known:
        torch.backends.cuda.matmul.allow_tf32 = bool(known["tf32"])
        torch.backends.cudnn.allow_tf32 = bool(known["tf32"])


def _refuse_unvalidated(translation: Translation, request: Request) -> None:
    """A training that ends before its first validation has no score, however long it takes."""
    train = translation.bundle["train"]
    epochs = train.get("trainer", {}).get("max_epochs")
    problems = []
    for index, handler in enumerate(train.get("handlers") or []):
        if not handler or not handler["_target_"].endswith(".ValidationHandler"):
            continue
        interval = handler.get("interval")
        if handler.get("epoch_level", True) is False or handler.get("exec_at_start"):
            return
        if isinstance(epochs, int) and isinstance(interval, int) and interval > epochs:
            problems.append(
                Problem(
                    severity="error",
                    message=f"a validation every {interval} epochs never comes in {epochs} "
                    f"epoch{'s' if epochs != 1 else ''}, so there would be no score",
                    file=str(request.root / request.config),
                    path=(*translation.origins[f"train::handlers::{index}"], "args", "interval"),
                    value=interval,
                    hint="train longer, or validate more often (num_interval_per_valid)",
                )
            )
    if problems:
        raise ConfigProblems(problems)


def _failed(built: Built, error: Exception, recorder: Recorder | None) -> TrainingFailed:
    path = built.blame(error)
    case = case_file(error)
    message = f"{format_path(path)}: " if path else ""
    message += describe(error) + (f" [{case}]" if case else "")
    if recorder is not None:
        recorder.write_fault(message)
    return TrainingFailed(message)


def _quiet() -> None:
    for message, category in QUIET:
        warnings.filterwarnings("ignore", message=message, category=category)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
