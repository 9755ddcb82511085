"""One training of one MMAR, from its files to its score; and one evaluation of its best model."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmar_automl.errors import (
    BadInput,
    ConfigProblems,
    EnvironmentFault,
    MmarAutomlError,
    format_path,
)
from mmar_automl.jobs import result
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json
from mmar_automl.trainer import checks, process
from mmar_automl.trainer.build import ORDER, Built, build, case_file, describe
from mmar_automl.trainer.checkpoint import guard, load_weights
from mmar_automl.trainer.recorder import Recorder, key_metric
from mmar_automl.trainer.translate import Translation, translate

log = logging.getLogger("mmar_automl.trainer")


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
        try:
            result.clear(layout)
        except OSError as error:
            raise EnvironmentFault(f"{layout.models} cannot be written: {error}") from None
    process.quiet()
    translation, known = prepare(request, training=True)
    for notice in translation.notices:
        log.info("note: %s", notice)
    if known.get("print_conf") is True:
        print(json.dumps(translation.conf, indent=2, ensure_ascii=False), flush=True)  # noqa: T201
    process.seed(translation.conf, known)
    try:
        layout.models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"{layout.models} cannot be made: {error}") from None
    recorder = Recorder(layout, write=request.write_stats)
    try:
        built = build(translation)
    except MmarAutomlError as error:
        recorder.write_fault(str(error))
        raise
    trainer, evaluator = built["train::trainer"], built.get("validate::evaluator")
    for handler in built.get("validate::handlers") or ():
        if hasattr(handler, "_key_metric_checkpoint"):
            guard(handler, key_metric)
    recorder.attach(trainer, evaluator)
    checks.validation_by_iterations(translation, trainer)
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
    process.quiet()
    translation, known = prepare(request)
    validate = translation.bundle.get("validate", {})
    if not validate.get("evaluator"):
        raise BadInput(f"{request.config} has no evaluator to validate with")
    validate.pop("handlers", None)
    validate["evaluator"].pop("val_handlers", None)
    process.seed(translation.conf, known)
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


def prepare(request: Request, *, training: bool = False) -> tuple[Translation, dict[str, Any]]:
    """Read, translate and check an MMAR's config; returns it with its variables.

    With `training` it has to be one that trains, and validates before it ends. Raises
    `ConfigProblems` with everything that is wrong, the data's missing files included.
    """
    layout = MmarLayout(request.root)
    source = _read(request.root / request.config)
    environment = _read(request.root / request.environment)
    config = source.data if isinstance(source.data, dict) else {}
    env = environment.data if isinstance(environment.data, dict) else {}
    known = variables(config, env, request.overrides, request.root)
    folders = [folder for folder in layout.custom if folder.is_dir()]
    process.append_to_path(layout.custom)
    wanted = process.device(known)
    translation = translate(source, known, device=wanted, folders=folders)
    found = checks.data_lists(translation, str(source.file))
    if training:
        found += checks.validation(translation, str(source.file))
    placed = (replace(problem, line=source.line(problem.path)) for problem in found)
    problems = [*translation.problems, *placed]
    if any(problem.severity == "error" for problem in problems):
        raise ConfigProblems(problems)
    for problem in problems:
        log.warning("%s: %s (%s)", format_path(problem.path), problem.message, problem.hint)
    return translation, known


def _read(file: Path) -> JsonSource:
    try:
        return read_json(file)
    except UnreadableJson as error:
        raise ConfigProblems([error.problem]) from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None


def _failed(built: Built, error: Exception, recorder: Recorder | None) -> TrainingFailed:
    path = built.blame(error)
    case = case_file(error)
    message = f"{format_path(path)}: " if path else ""
    message += describe(error) + (f" [{case}]" if case else "")
    if recorder is not None:
        recorder.write_fault(message)
    return TrainingFailed(message)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
