"""One training of one MMAR, from its files to its score."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

from mmar_automl.errors import (
    BadInput,
    ConfigProblems,
    EnvironmentFault,
    MmarAutomlError,
    format_path,
)
from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer import checks, distributed, process
from mmar_automl.trainer.build import Built, CannotBuild, build, failed
from mmar_automl.trainer.checkpoint import UnfitCheckpoint, write_checkpoint
from mmar_automl.trainer.details import Details
from mmar_automl.trainer.distributed import Place
from mmar_automl.trainer.evaluate import evaluate_checkpoint
from mmar_automl.trainer.faults import TrainingFailed, kind_of
from mmar_automl.trainer.recorder import Recorder
from mmar_automl.trainer.request import Prepared, Request, Score, prepare
from mmar_automl.trainer.resume import Resumable, read_resumable
from mmar_automl.trainer.stopping import saving_on_signal

__all__ = ["Request", "Score", "TrainingFailed", "evaluate_checkpoint", "prepare", "train"]

log = logging.getLogger("mmar_automl.trainer")


def train(request: Request) -> Score:
    """Train an MMAR. Raises `ConfigProblems` or `BadInput` (2) before, `TrainingFailed` (1) after.

    With `write_stats` the files of `jobs.result` are written; what an earlier training left of
    them is taken away first, so that a failure leaves no score behind. With `resume` they are
    gone on with, as the training is. Several processes started by torchrun train as one.
    """
    layout = MmarLayout(request.root)
    place = distributed.find_place()
    if not place.is_first:
        # One process speaks for all, or everything would be said as often as there are.
        logging.disable(logging.INFO)
    if place.is_first and not (request.resume and layout.resume_checkpoint.is_file()):
        # Also where nothing was saved to go on from: what stands there is of no training now.
        _clear(layout, stats=request.write_stats)
    process.quiet()
    recorder = Recorder(layout, write=request.write_stats and place.is_first)
    try:
        prepared = prepare(request, training=True, place=place)
        recorder.minimise = prepared.translation.minimise
        return _train(request, layout, place, prepared, recorder)
    except MmarAutomlError as error:
        recorder.write_fault(_in_a_line(error), _kind(error))
        raise
    finally:
        distributed.leave()


def _train(
    request: Request, layout: MmarLayout, place: Place, prepared: Prepared, recorder: Recorder
) -> Score:
    translation, known = prepared.translation, prepared.known
    if known.get("print_conf") is True and place.is_first:
        print(json.dumps(translation.conf, indent=2, ensure_ascii=False), flush=True)  # noqa: T201
    distributed.join(place, translation.bundle["device"])
    restored = (
        read_resumable(layout.resume_checkpoint, translation.conf) if request.resume else None
    )
    process.seed(translation.conf, known, place)
    try:
        layout.models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"{layout.models} cannot be made: {error}") from None
    built = build(translation)
    trainer, evaluator = built["train::trainer"], built.get("validate::evaluator")
    built.guard_savers()
    checks.validation_by_iterations(translation, trainer)
    distributed.share_gradients(trainer, place)
    recorder.attach(trainer, evaluator, Details(place, built.first_class))
    resumable = Resumable(built, recorder, layout.resume_checkpoint, place)
    resumable.attach(restored)
    guarded = saving_on_signal(resumable.save) if request.own_process else contextlib.nullcontext()
    with guarded:
        try:
            trainer.run()
        except MmarAutomlError:
            raise
        except Exception as error:
            raise failed(built, error) from error
        if place.is_first:
            _write_final(built, Path(str(known["MMAR_CKPT_DIR"])) / layout.final_checkpoint.name)
    if recorder.best is None:
        log.warning("no validation gave a finite key metric, so there is no score")
    else:
        log.info("best %s: %.4f at epoch %s", recorder.metric, recorder.best, recorder.best_epoch)
    return Score(metric=recorder.metric, value=recorder.best, epoch=recorder.best_epoch)


def _kind(error: MmarAutomlError) -> str:
    """`fault_class` in train_stats.json."""
    if isinstance(error, TrainingFailed):
        return error.kind
    if kind_of(error) == "out_of_memory":
        return "out_of_memory"
    kinds = (
        (CannotBuild, "build"),
        (UnfitCheckpoint, "checkpoint"),
        (EnvironmentFault, "environment"),
        (BadInput, "config"),
    )
    return next((kind for cls, kind in kinds if isinstance(error, cls)), "training")


def _in_a_line(error: MmarAutomlError) -> str:
    if not isinstance(error, ConfigProblems):
        return str(error)
    first = next(problem for problem in error.problems if problem.severity == "error")
    place = f"{format_path(first.path)}: " if first.path else ""
    return f"{error}: {place}{first.message}"


def _clear(layout: MmarLayout, *, stats: bool) -> None:
    try:
        if stats:
            result.clear(layout)
        layout.resume_checkpoint.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"{layout.models} cannot be written: {error}") from None


def _write_final(built: Built, file: Path) -> None:
    """The last model, in the best one's form, unless the config has it written already."""
    if not any(getattr(saver, "_final_checkpoint", None) for saver in built.handlers()):
        model, conf = built["train::model"], built.translation.conf
        write_checkpoint(file, {"model": model.state_dict(), "train_conf": conf})
