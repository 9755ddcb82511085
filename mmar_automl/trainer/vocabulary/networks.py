"""Networks: 3.x's ended in their activation, MONAI's in logits; see `facts`.

Their `data_format` is left out: with torch the channels always stand in front.
"""

from __future__ import annotations

from typing import Any

from mmar_automl.trainer.vocabulary.entry import (
    Context,
    Count,
    Ints,
    Made,
    Number,
    Share,
    Unfit,
    component,
    entry,
    own,
)
from mmar_automl.trainer.vocabulary.facts import ACTIVATIONS


@entry("SegResnet", "model")
def seg_resnet(
    num_classes: Count = 2,
    use_vae: bool = False,
    blocks_down: Ints = (1, 2, 2, 4),
    blocks_up: Ints = (1, 1, 1),
    init_filters: Count = 8,
    use_batch_norm: bool = False,
    use_group_norm: bool = False,
    use_group_normG: int = 8,  # noqa: N803
    reg_weight: Number = 0.0,
    dropout_prob: Share = 0.0,
    final_activation: str = "softmax",
    n_spatial_dim: Count = 3,
    data_format: Any = None,
    *,
    context: Context,
) -> Made:
    """The residual network; with `use_vae` a tenth of its second branch's loss is added to the
    loss, as how much Clara added is not published. Differs: `final_activation` goes to the loss
    and the post transforms, `reg_weight` to the optimizer as weight decay, on all weights; group
    norm takes as many groups as there are channels where it would have more."""
    _check_activation(final_activation)
    made = own(
        "networks.SegResnet",
        spatial_dims=n_spatial_dim,
        in_channels=context.facts.image_channels,
        out_channels=num_classes,
        init_filters=init_filters,
        blocks_down=list(blocks_down),
        blocks_up=list(blocks_up),
        dropout_prob=dropout_prob,
        norm=_norm(use_batch_norm, use_group_norm),
        groups=use_group_normG,
    )
    if use_vae:
        context.notes.append("SegResnet: use_vae adds a tenth of its loss to the loss")
        made["path"] += "Vae"
        made["args"]["input_image_size"] = _size_of_crops(context)
    return made


@entry("Unet", "model")
def unet(
    num_classes: Count = 2,
    nf_enc: Ints = (32, 64, 64, 64),
    nf_dec: Ints | None = None,
    use_batch_norm: bool = False,
    use_group_norm: bool = False,
    use_group_normG: int = 8,  # noqa: N803
    reg_weight: Number = 0.0,
    final_activation: str = "softmax",
    n_spatial_dim: Count = 3,
    data_format: Any = None,
    *,
    context: Context,
) -> Made:
    """The U-Net, by the channels of its encoder. Differs: MONAI's decoder mirrors the encoder, so
    `nf_dec` is left out; `final_activation`, `reg_weight` and group norm as with SegResnet."""
    if nf_dec is not None:
        context.notes.append("Unet: nf_dec is left out, MONAI's decoder mirrors the encoder")
    _check_activation(final_activation)
    return own(
        "networks.Unet",
        spatial_dims=n_spatial_dim,
        in_channels=context.facts.image_channels,
        out_channels=num_classes,
        channels=list(nf_enc),
        norm=_norm(use_batch_norm, use_group_norm),
        groups=use_group_normG,
    )


@entry("SegAhnet", "model")
def seg_ahnet(
    num_classes: Count = 2,
    if_use_psp: bool = False,
    pretrain_weight_name: Any = None,
    plane: Any = "z",
    final_activation: str = "softmax",
    n_spatial_dim: Count = 3,
    data_format: Any = None,
    *,
    context: Context,
) -> Made:
    """The anisotropic hybrid network. Differs: MONAI's begins untrained, TensorFlow's ResNet
    weights fit no network of today's; `plane` is always the last axis, and `final_activation`
    goes to the loss and the post transforms."""
    if pretrain_weight_name:
        context.notes.append(
            "SegAhnet: pretrain_weight_name is left out, TensorFlow's weights cannot be read"
        )
    if plane not in ("z", None):
        context.notes.append(f"SegAhnet: plane {plane!r} is left out, it is the last axis")
    _check_activation(final_activation)
    return component(
        "AHNet",
        spatial_dims=n_spatial_dim,
        in_channels=context.facts.image_channels,
        out_channels=num_classes,
        psp_block_num=4 if if_use_psp else 0,
    )


def _size_of_crops(context: Context) -> list[int]:
    size = context.facts.train_size
    if (
        not isinstance(size, list)
        or not size
        or not all(isinstance(side, int) and side > 0 for side in size)
    ):
        raise Unfit("use_vae", "the variational branch has to know how large the crops are",
                    "write it into output_crop_size of train.image_pipeline")  # fmt: skip
    return size


def _norm(batch: bool, group: bool) -> str:
    return "group" if group and not batch else "batch"


def _check_activation(word: str) -> None:
    if word not in ACTIVATIONS:
        raise Unfit("final_activation", f"final_activation is {' or '.join(ACTIVATIONS)}",
                    "for another one convert the MMAR, and change the new config")  # fmt: skip
