"""Validation and inference of a trained model; the config decides which it is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer import distributed, process
from mmar_automl.trainer.build import ORDER, build, failed
from mmar_automl.trainer.checkpoint import TRUST, load_weights
from mmar_automl.trainer.distributed import Place
from mmar_automl.trainer.recorder import key_metric
from mmar_automl.trainer.request import Request, Score, prepare

log = logging.getLogger("mmar_automl.trainer")


def evaluate(request: Request) -> Score:
    """Run a validation or inference config as it stands, its handlers and writers included.

    Its model says where it comes from (`ts_path`, `ckpt_path`, or a CheckpointLoader among the
    handlers). A training config validates the MMAR's `MMAR_CKPT`, without writing anything.
    """
    place = distributed.find_place()
    if not place.is_first:
        logging.disable(logging.INFO)
    process.quiet()
    try:
        prepared = prepare(request, place=place)
        bundle = prepared.translation.bundle
        if "train" in bundle:
            return evaluate_checkpoint(request, Path(str(prepared.known["MMAR_CKPT"])))
        if not bundle.get("validate", {}).get("evaluator"):
            raise BadInput(f"{request.config} has no evaluator to evaluate with")
        distributed.join(place, bundle["device"])
        process.seed(prepared.translation.conf, prepared.known, place)
        built = build(prepared.translation)
        score = _run(built)
    finally:
        distributed.leave()
    _report(score, place)
    return score


def evaluate_checkpoint(request: Request, checkpoint: Path | None = None) -> Score:
    """Validate a trained model (default: the MMAR's `models/model.pt`) as its config says.

    Nothing is written: handlers that save anything are left out. The same machine with the same
    number of threads gives the number that the training gave.
    """
    layout = MmarLayout(request.root)
    process.quiet()
    prepared = prepare(request)
    translation = prepared.translation
    validate = translation.bundle.get("validate", {})
    if not validate.get("evaluator"):
        raise BadInput(f"{request.config} has no evaluator to validate with")
    validate.pop("handlers", None)
    validate["evaluator"].pop("val_handlers", None)
    process.seed(translation.conf, prepared.known)
    ids = tuple(i for i in ORDER if i == "train::model" or i.startswith("validate::"))
    built = build(translation, ids)
    model = built.get("train::model") or built["validate::model"]
    trusted = prepared.known.get(TRUST) is True
    file = checkpoint or layout.checkpoint
    load_weights(model, file, translation.bundle["device"], trusted=trusted)
    score = _run(built)
    _report(score, distributed.ALONE)
    return score


def _run(built: Any) -> Score:
    evaluator = built["validate::evaluator"]
    try:
        evaluator.run()
    except Exception as error:
        raise failed(built, error) from error
    metrics = {k: float(v) for k, v in evaluator.state.metrics.items() if _is_number(v)}
    return Score(metric=evaluator.state.key_metric_name, value=key_metric(evaluator),
                 metrics=metrics)  # fmt: skip


def _report(score: Score, place: Place) -> None:
    if place.is_first:
        for name, value in score.metrics.items():
            log.info("%s: %.6g", name, value)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
