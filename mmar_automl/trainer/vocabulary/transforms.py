"""Transforms: `fields` are `keys` today, `probability` is `prob`."""

from __future__ import annotations

import math
from typing import Any

from mmar_automl.trainer.vocabulary.entry import (
    Context,
    Count,
    Counts,
    Fields,
    Flag,
    Made,
    Number,
    Numbers,
    Share,
    Unfit,
    component,
    entry,
    is_label,
    listed,
    own,
)


def _modes(fields: Fields, image: str, label: str = "nearest") -> list[str]:
    return [label if is_label(name) else image for name in listed(fields)]


@entry("LoadNifti", "transform")
def load_nifti(fields: Fields, as_closest_canonical: bool = False) -> Made:
    """Reads NIfTI files. The same."""
    more = {"as_closest_canonical": True} if as_closest_canonical else {}
    return component("LoadImaged", keys=fields, **more)


@entry("LoadPng", "transform")
def load_png(fields: Fields) -> Made:
    """Reads PNG files. Differs: MONAI's reader gives the axes as width, height."""
    return component("LoadImaged", keys=fields)


@entry("ConvertToChannelsFirst", "transform")
def convert_to_channels_first(fields: Fields) -> Made:
    """Puts the channels in front, and a single one where there are none. The same."""
    return component("EnsureChannelFirstd", keys=fields)


@entry("ConvertToChannelsLast", "transform")
def convert_to_channels_last(fields: Fields) -> Made:
    """Put the channels behind. Differs: with torch they always stand in front."""
    return component("EnsureChannelFirstd", keys=fields)


@entry("ScaleByResolution", "transform")
def scale_by_resolution(fields: Fields, target_resolution: Numbers, is_label: bool = False) -> Made:
    """Resamples to a voxel size. Differs: MONAI goes by the whole affine matrix, so that the
    shape may differ by a voxel; a label goes by its nearest voxel, as before."""
    mode = "nearest" if is_label else "bilinear"
    return component("Spacingd", keys=fields, pixdim=target_resolution, mode=mode)


@entry("ScaleToShape", "transform")
def scale_to_shape(fields: Fields, target_shape: Counts, is_label: bool = False) -> Made:
    """Resamples to a shape. Differs: MONAI's interpolation for images is `area`."""
    mode = "nearest" if is_label else "area"
    return component("Resized", keys=fields, spatial_size=target_shape, mode=mode)


@entry("ScaleIntensityRange", "transform")
def scale_intensity_range(
    fields: Fields,
    a_min: float,
    a_max: Number | None = None,
    b_min: Number = 0.0,
    b_max: Number = 1.0,
    clip: Flag = False,
    a_offset: float | None = None,
) -> Made:
    """Maps [a_min, a_max] to [b_min, b_max]; `a_offset`, in place of `a_max`, is taken for the
    distance from `a_min`. The same."""
    if (a_max is None) == (a_offset is None):
        raise Unfit("a_offset" if a_max is not None else "",
                    "ScaleIntensityRange needs either a_max or a_offset")  # fmt: skip
    if a_offset is not None:
        a_max = a_min + a_offset
    return component("ScaleIntensityRanged", keys=fields, a_min=a_min, a_max=a_max, b_min=b_min,
                     b_max=b_max, clip=clip)  # fmt: skip


@entry("NormalizeNonzeroIntensities", "transform")
def normalize_nonzero_intensities(fields: Fields) -> Made:
    """Mean 0 and deviation 1 of the voxels that are not 0, by channel. The same."""
    return component("NormalizeIntensityd", keys=fields, nonzero=True, channel_wise=True)


@entry("SymmetricPadderDiv", "transform")
def symmetric_padder_div(fields: Fields, div_int: Counts) -> Made:
    """Pads both ends until each side can be divided by a number. The same."""
    return component("DivisiblePadd", keys=fields, k=div_int)


@entry("CropSubVolumeCenter", "transform")
def crop_sub_volume_center(fields: Fields, size: Counts) -> Made:
    """A crop of a fixed size from the middle. Differs: where a case is smaller, so is the crop."""
    return component("CenterSpatialCropd", keys=fields, roi_size=size)


@entry("FastCropByPosNegRatio", "transform")
def fast_crop_by_pos_neg_ratio(
    size: Counts,
    fields: Fields,
    label_field: str = "label",
    pos: Number = 1,
    neg: Number = 1,
    batch_size: Count = 1,
    batches_to_gen_at_once: Any = None,
    *,
    context: Context,
) -> Made:
    """Crops around foreground and background voxels. Differs: how Clara's filled up a case that
    is smaller than the crop is not published, ours does with zeros at both ends, and MONAI's
    refuses it; `batches_to_gen_at_once`, a cache of crops of one case, is left out, and each case
    gives `batch_size` crops."""
    if batches_to_gen_at_once is not None:
        context.notes.append("batches_to_gen_at_once is left out: crops are not kept for later")
    keys = list(dict.fromkeys([*listed(fields), label_field]))
    return own("transforms.RandPosNegCropd", keys=keys, label_key=label_field, spatial_size=size,
               pos=pos, neg=neg, num_samples=batch_size)  # fmt: skip


entry("CropByPosNegRatio", "transform")(fast_crop_by_pos_neg_ratio)


@entry("FastPosNegRatioCropROI", "transform")
def fast_pos_neg_ratio_crop_roi(
    size: Counts,
    image_field: str = "image",
    label_field: str = "label",
    pos: Number = 1,
    neg: Number = 1,
    batch_size: Count = 1,
    deform: bool = False,
    rotation: bool = False,
    rotation_degree: float = 15.0,
    scale: bool = False,
    scale_factor: float = 0.1,
    fast_crop: Any = None,
) -> Made:
    """Crops, turned, scaled and bent; `fast_crop`, how it was computed, is left out. Differs: the
    crop is cut first and bent afterwards, so that its border is repeated where Clara's still saw
    the image; smaller cases are filled up as by FastCropByPosNegRatio."""
    return own(
        "transforms.RandCropROId",
        image_key=image_field,
        label_key=label_field,
        spatial_size=size,
        pos=pos,
        neg=neg,
        num_samples=batch_size,
        rotate_degrees=rotation_degree if rotation else 0.0,
        scale=scale_factor if scale else 0.0,
        deform=deform,
    )


@entry("CropFixedSizeRandomCenter", "transform")
def crop_fixed_size_random_center(size: Counts, fields: Fields) -> Made:
    """A crop of a fixed size anywhere. Differs: where a case is smaller, so is the crop."""
    return component("RandSpatialCropd", keys=fields, roi_size=size, random_center=True,
                     random_size=False)  # fmt: skip


@entry("RandomAxisFlip", "transform")
def random_axis_flip(fields: Fields, probability: Share = 0.5) -> Made:
    """Flips along one axis, drawn each time. The same."""
    return component("RandAxisFlipd", keys=fields, prob=probability)


@entry("RandomSpatialFlip", "transform")
def random_spatial_flip(fields: Fields, probability: Share = 0.5) -> Made:
    """Flips at random. Differs: what Clara's drew is not published; here it is one axis at a
    time, with the probability 0.5 unless said."""
    return component("RandAxisFlipd", keys=fields, prob=probability)


@entry("RandomRotate3D", "transform")
def random_rotate_3d(fields: Fields, probability: Share = 0.5) -> Made:
    """Turns by a random angle about each axis. Differs: Clara's range is not published; here it
    is half a turn either way. Corners that come from outside repeat the border."""
    turn = [-3.141592653589793, 3.141592653589793]
    return component("RandRotated", keys=fields, range_x=turn, range_y=turn, range_z=turn,
                     prob=probability, keep_size=True, mode=_modes(fields, "bilinear"))  # fmt: skip


@entry("RandomRotate2D", "transform")
def random_rotate_2d(
    fields: Fields, angle: float, is_random: bool = True, probability: Share = 1.0
) -> Made:
    """Turns an image, each time by another angle up to `angle` degrees either way, or by `angle`
    itself. Differs: corners that come from outside repeat the border."""
    turn, mode = math.radians(angle), _modes(fields, "bilinear")
    if not is_random:
        return component("Rotated", keys=fields, angle=turn, keep_size=True, mode=mode)
    return component("RandRotated", keys=fields, range_x=[-turn, turn], prob=probability,
                     keep_size=True, mode=mode)  # fmt: skip


@entry("RandomZoom", "transform")
def random_zoom(
    fields: Fields | None = None,
    lower_limits: Numbers = 0.9,
    upper_limits: Numbers = 1.1,
    probability: Share = 0.5,
    keep_size: Flag = True,
    image_field: str = "",
    label_field: str = "",
) -> Made:
    """Zooms by random factors. Differs: MONAI's interpolation for images is `area`; with which
    probability Clara's zoomed is not published, here it is 0.5 unless said."""
    fields = list(dict.fromkeys(
        name for name in (*listed(fields or []), image_field, label_field) if name
    ))  # fmt: skip
    if not fields:
        raise Unfit("", "RandomZoom needs the argument 'fields', or 'image_field'")
    modes = ["nearest" if name == label_field else mode
             for name, mode in zip(fields, _modes(fields, "area"), strict=True)]  # fmt: skip
    return component("RandZoomd", keys=fields, prob=probability, min_zoom=lower_limits,
                     max_zoom=upper_limits, mode=modes, keep_size=keep_size)  # fmt: skip


@entry("ScaleShiftIntensity", "transform")
def scale_shift_intensity(
    fields: Fields, scale: Number = 0.1, shift: Number = 0.1, probability: Share = 1.0
) -> Made:
    """`v · (1 + s) + o`, drawn for each case. Differs: MONAI has the two apart; ours does both in
    one pass, for every case unless a probability is given."""
    return own("transforms.RandScaleShiftIntensityd", keys=fields, scale=scale, shift=shift,
               prob=probability)  # fmt: skip


@entry("ScaleIntensityOscillation", "transform")
def scale_intensity_oscillation(
    fields: Fields, magnitude: Number = 0.1, probability: Share = 1.0
) -> Made:
    """Lets scale and level of the intensities swing. Differs: MONAI has no such transform, and
    Clara's formula is not published; ours is `v · (1 + s) + o`, `s` and `o` from [−magnitude,
    magnitude], each drawn once for a case."""
    return own("transforms.RandScaleShiftIntensityd", keys=fields, scale=magnitude,
               shift=magnitude, prob=probability)  # fmt: skip


@entry("AddGaussianNoise", "transform")
def add_gaussian_noise(fields: Fields, probability: Share = 0.5, variance: Number = 0.1) -> Made:
    """Gaussian noise by its variance. Differs: MONAI takes the deviation and draws it, too; ours
    has always the variance that is given."""
    return own("transforms.RandVarianceNoised", keys=fields, prob=probability, variance=variance)


@entry("SaveAsNifti", "transform")
def save_as_nifti(
    fields: Fields, out_dir: Any, interrupt: bool = False, *, context: Context
) -> Made:
    """Writes what the transforms so far have made. Differs: `interrupt` stopped Clara's training
    after the first case; here the training goes on, and each case is written each epoch."""
    if interrupt:
        context.notes.append("SaveAsNifti: interrupt is left out, the training goes on")
    return component("SaveImaged", keys=fields, output_dir=out_dir, print_log=False)


@entry("MergeBatchDims", "batch_transform")
def merge_batch_dims(fields: Any = None) -> Made:
    """Joins the crops of several cases to one batch. Differs: MONAI's loader does it by itself, so
    that nothing is left to write."""
    return {}
