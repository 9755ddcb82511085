"""`aux_ops` computed something for each batch, `metrics` averaged it; a metric does both today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmar_automl.trainer.vocabulary.entry import Context, Made, Unfit, component, entry
from mmar_automl.trainer.vocabulary.facts import Facts


@dataclass(frozen=True)
class Source:
    """What the field of a metric is: a Dice, of all its classes or of one, or the loss."""

    loss: bool = False
    skip_background: bool = True
    tag: int | None = None
    """Which of several tags, each of which is one class."""


@entry("DiceMaskedOutput", "aux_op")
def dice_masked_output(
    tags: Any, skip_background: bool = False, is_onehot_targets: bool = False
) -> Made:
    """Dice of the output, a tag for each class or one for their mean. Differs: it is the metric
    of each case, averaged over the cases; a class that is absent from a case does not count for
    it, and where none is left the Dice is 0."""
    names = [tags] if isinstance(tags, str) else tags
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not names:
        raise Unfit("tags", "tags is a list of names")
    several = len(names) > 1
    return {
        name: Source(skip_background=skip_background, tag=index if several else None)
        for index, name in enumerate(names)
    }


@entry("ComputeDice", "aux_op")
def compute_dice(
    tag: str,
    skip_background: bool = False,
    is_onehot_targets: bool = False,
    is_independent_predictions: Any = None,
    data_format: Any = None,
) -> Made:
    """Dice of the output, the mean of its classes. Differs: as DiceMaskedOutput; whether classes
    exclude each other is what the network's `final_activation` says."""
    return dice_masked_output(tag, skip_background, is_onehot_targets)


@entry("NegLoss", "aux_op")
def neg_loss(tag: str) -> Made:
    """The loss with its sign turned, so that more is better. Differs: MONAI's metric is the mean
    of the validation's batches."""
    return {tag: Source(loss=True)}


@entry("ComputeAverage", "metric")
def compute_average(name: Any, field: str, is_key_metric: bool = False) -> Made:
    """The mean of what an aux_op computes. The same, see there."""
    return {"label": name, "field": field, "key": is_key_metric}


@entry("ComputeAverageDice", "metric")
def compute_average_dice(
    name: Any,
    field: str = "model",
    label_field: str = "label",
    is_key_metric: bool = False,
    report_path: Any = None,
    skip_background: bool = True,
    is_2d: Any = None,
) -> Made:
    """The mean Dice of the network's output, of cases of either dimension. Differs: `report_path`
    is a folder, for MONAI's MetricsSaver."""
    source = Source(skip_background=skip_background)
    return {"label": name, "field": source, "key": is_key_metric, "report": report_path}


def metric(source: Source, label: Any, facts: Facts) -> Made:
    """The metric of a source, under a label."""
    if source.loss:
        negative = {"path": "mmar_automl.trainer.clara3.losses.Negative", "args": {"loss": "@loss"}}
        made = component(
            "IgniteMetricHandler",
            loss_fn=negative,
            output_transform="#monai.handlers.from_engine(['logits', 'target'])",
        )
    elif source.tag is None:
        background = not (source.skip_background and facts.classes > 1)
        made = component(
            "MeanDice",
            include_background=background,
            output_transform="#monai.handlers.from_engine(['pred', 'label'])",
        )
    else:
        first = 1 if source.skip_background and facts.classes > 1 else 0
        at = source.tag + first
        made = component(
            "MeanDice",
            include_background=True,
            output_transform=f"lambda data: ([item['pred'][{at}:{at + 1}] for item in data], "
            f"[item['label'][{at}:{at + 1}] for item in data])",
        )
    return {"name": made["name"], "log_label": label, "args": made["args"]}


def post_transforms(context: Context, *, with_loss: bool) -> list[Made]:
    """From logits to classes, of the prediction and of the label alike.

    `with_loss` keeps both as they were, for a metric that is a loss.
    """
    facts = context.facts
    softmax = facts.activation == "softmax"
    many = facts.classes > 1
    kept = component("CopyItemsd", keys=["pred", "label"], names=["logits", "target"])
    return [
        *([kept] if with_loss else []),
        component("Activationsd", keys="pred", softmax=softmax, sigmoid=not softmax),
        component(
            "AsDiscreted",
            keys=["pred", "label"],
            argmax=[softmax, False],
            threshold=[None if softmax else 0.5, None],
            to_onehot=[facts.classes if softmax and many else None,
                       facts.classes if many and not facts.onehot_labels else None],
        ),
    ]  # fmt: skip
