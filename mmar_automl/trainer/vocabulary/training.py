"""Losses, optimizers, learning rate policies."""

from __future__ import annotations

from typing import Any

from mmar_automl.trainer.vocabulary.entry import (
    Context,
    Count,
    Flag,
    Made,
    Number,
    component,
    entry,
    own,
)


@entry("Dice", "loss")
def dice(
    squared_pred: Flag = False,
    is_onehot_targets: bool = False,
    skip_background: bool = False,
    smooth: Number = 1e-5,
    data_format: Any = None,
    *,
    context: Context,
) -> Made:
    """Dice loss; `data_format` is left out, with torch the channels always stand in front.
    Differs: the activation is the loss's business now, and classes whose reference is empty count
    as MONAI counts them."""
    facts = context.facts
    return component(
        "DiceLoss",
        include_background=not (skip_background and facts.classes > 1),
        to_onehot_y=not is_onehot_targets and facts.classes > 1,
        sigmoid=facts.activation == "sigmoid",
        softmax=facts.activation == "softmax",
        squared_pred=squared_pred,
        smooth_nr=smooth,
        smooth_dr=smooth,
    )


@entry("Focal", "loss")
def focal(
    skip_background: bool = False,
    is_onehot_targets: bool = False,
    gamma: Number = 2.0,
    data_format: Any = None,
    *,
    context: Context,
) -> Made:
    """Focal loss; `data_format` is left out as in Dice. Differs: it takes logits, with a sigmoid
    for each class or a softmax, as the network's `final_activation` says. The softmax is ours:
    MONAI's leaves the background out before it, and of two classes nothing is left. Clara's
    weights of the classes are unknown."""
    facts = context.facts
    return own(
        "losses.Focal",
        include_background=not (skip_background and facts.classes > 1),
        to_onehot_y=not is_onehot_targets and facts.classes > 1,
        gamma=gamma,
        softmax=facts.activation == "softmax",
    )


def with_penalty(loss: Any) -> Any:
    """A loss, or each of several, with that of the network's second branch."""
    if isinstance(loss, list):
        return [with_penalty(each) for each in loss]
    if not loss:
        return loss
    switch = {"disabled": loss["disabled"]} if "disabled" in loss else {}
    bare = {key: value for key, value in loss.items() if key != "disabled"}
    return {**own("losses.Penalised", loss=bare, network="@model"), **switch}


@entry("Adam", "optimizer")
def adam(*, context: Context) -> Made:
    """Adam at the global learning rate. Differs: TensorFlow's epsilon is 1e-7, torch's 1e-8."""
    return _optimizer("Adam", context)


@entry("NovoGrad", "optimizer")
def novo_grad(*, context: Context) -> Made:
    """NovoGrad at the global learning rate. Differs: betas and epsilon are MONAI's defaults."""
    return _optimizer("Novograd", context)


def _optimizer(name: str, context: Context) -> Made:
    return component(
        name,
        params="#@model.parameters()",
        lr="{learning_rate}",
        weight_decay=context.facts.reg_weight,
    )


@entry("ReducePoly", "lr_policy")
def reduce_poly(poly_power: Number = 0.9) -> Made:
    """`lr · (1 − epoch / epochs) ^ poly_power`, each epoch. The same."""
    return component("PolynomialLR", optimizer="@optimizer", total_iters="{epochs}",
                     power=poly_power)  # fmt: skip


@entry("ReduceCosine", "lr_policy")
def reduce_cosine(rate: Number = 0.5) -> Made:
    """Half a cosine wave over all epochs. Differs: torch's has no `rate`; ours is
    `lr · rate · (1 + cos(π · epoch / epochs))`, torch's CosineAnnealingLR at the rate 0.5."""
    return own("schedulers.ReduceCosine", optimizer="@optimizer", total_epochs="{epochs}",
               rate=rate)  # fmt: skip


@entry("DecayOnStep", "lr_policy")
def decay_on_step(decay_ratio: Number, decay_freq: Count) -> Made:
    """`lr · decay_ratio` each `decay_freq` iterations. The same."""
    return component("StepLR", optimizer="@optimizer", step_size=decay_freq, gamma=decay_ratio)


@entry("ReduceOnPlateau", "lr_policy")
def reduce_on_plateau(plateau_count_trigger: int, reduction_rate: Number) -> Made:
    """`lr · reduction_rate` after so many validations without a better key metric. Differs:
    torch calls better only what is better by a ten-thousandth."""
    return component("ReduceLROnPlateau", optimizer="@optimizer", mode="max",
                     factor=reduction_rate, patience=max(0, plateau_count_trigger - 1))  # fmt: skip


STEPS = {
    "ReducePoly": "epoch",
    "ReduceCosine": "epoch",
    "DecayOnStep": "iteration",
    "ReduceOnPlateau": "validation",
}
"""What a policy goes by; everything else goes by epochs."""


def steps_handler(by: str) -> Made:
    """The handler that lets a policy take its steps."""
    args: Made = {"lr_scheduler": "@lr_scheduler", "print_lr": False}
    if by == "validation":
        # It hangs on the evaluator, whose epoch is one validation.
        args["step_transform"] = "lambda engine: engine.state.metrics[engine.state.key_metric_name]"
    elif by == "iteration":
        args["epoch_level"] = False
    return component("LrScheduleHandler", **args)
