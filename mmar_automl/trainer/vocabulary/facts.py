"""What one section of a 3.x config has to know of another.

In 3.x the network ended in its activation, and everybody after it saw probabilities. MONAI's
networks end in logits: the loss, the post transforms and the metrics have to be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmar_automl.mmar.environment import UnknownVariable, substitute

ACTIVATIONS = ("softmax", "sigmoid")
POLICIES = ("lr_policy", "lr_scheduler")


@dataclass(frozen=True)
class Facts:
    """Read off the enabled components; the first one where several are."""

    activation: str = "softmax"
    classes: int = 2
    image_channels: Any = 1
    reg_weight: Any = 0.0
    onehot_labels: bool = False
    """The labels have a channel for each class already."""
    vae: bool = False
    """The network has a second branch, whose loss is to be added to the loss."""
    train_size: Any = None
    """Of the training's pipeline: what that branch is as large as."""
    crop_size: Any = None
    """Of the validation's pipeline: what a scanning window is as large as."""


def read_facts(config: Mapping[str, Any], known: Mapping[str, Any]) -> Facts:
    """The facts of a 3.x config; what is missing or odd gets the default, and is told elsewhere."""
    train, validate = _section(config, "train"), _section(config, "validate")
    model = enabled(train.get("model"), known)
    args = _args(model)
    activation = _filled(args.get("final_activation"), known)
    own = "path" in model
    classes = _filled(args.get("num_classes", args.get("out_channels")), known)
    pipeline = _args(train.get("image_pipeline"))
    return Facts(
        activation=activation if activation in ACTIVATIONS else "softmax",
        classes=classes if _is_count(classes) else 2,
        image_channels=pipeline.get("output_image_channels", 1),
        # A network of the user's own gets its arguments as they are, and this is one of them.
        reg_weight=0.0 if own else args.get("reg_weight", 0.0),
        onehot_labels=_filled(_args(enabled(train.get("loss"), known)).get("is_onehot_targets"),
                              known) is True,
        vae=not own and _filled(args.get("use_vae"), known) is True,
        train_size=_filled(pipeline.get("output_crop_size"), known),
        crop_size=_args(validate.get("image_pipeline")).get("output_crop_size"),
    )  # fmt: skip


def enabled(section: Any, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The component of a section, or the first enabled one of several; empty if there is none."""
    for body in _bodies(section):
        if not is_disabled(body, known):
            return body
    return next(_bodies(section), {})


def is_disabled(body: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    value = _filled(body.get("disabled", False), known)
    return value is True or (isinstance(value, (int, float)) and value != 0)


def _bodies(section: Any) -> Iterator[Mapping[str, Any]]:
    for body in section if isinstance(section, list) else [section]:
        if isinstance(body, Mapping):
            yield body


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, Mapping) else {}


def _args(body: Any) -> Mapping[str, Any]:
    args = body.get("args") if isinstance(body, Mapping) else None
    return args if isinstance(args, Mapping) else {}


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    try:
        return substitute(value, known)
    except UnknownVariable:
        return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
