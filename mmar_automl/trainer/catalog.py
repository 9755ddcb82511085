"""What changed since MONAI 0.8, on which Clara Train 4.1 was built.

One explicit list. Each rule takes a component's name and arguments, returns them in today's
words and says so: nothing is renamed, and above all nothing dropped, in silence. What has no
successor is in `REMOVED`, with the mend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Args = dict[str, Any]

RENAMED: dict[str, tuple[str, Args]] = {
    "AddChannel": ("EnsureChannelFirst", {"channel_dim": "no_channel"}),
    "AddChanneld": ("EnsureChannelFirstd", {"channel_dim": "no_channel"}),
    "AsChannelFirst": ("EnsureChannelFirst", {"channel_dim": -1}),
    "AsChannelFirstd": ("EnsureChannelFirstd", {"channel_dim": -1}),
    "NovoGrad": ("Novograd", {}),
    "SplitChannel": ("SplitDim", {}),
    "SplitChanneld": ("SplitDimd", {}),
    # ToTensord leaves a plain tensor, and Invertd then has no record of what was done to it.
    "ToTensor": ("EnsureType", {}),
    "ToTensord": ("EnsureTyped", {}),
    "TorchVisionFullyConvModel": ("TorchVisionFCModel", {"use_conv": True}),
}
"""Old name → today's name, and the arguments that give it the old meaning."""

REMOVED = {
    "SegmentationSaver": "write SaveImaged into post_transforms",
    "TransformInverter": "write Invertd into post_transforms",
    "AsChannelLastd": "write Transposed, with the axes in the wanted order",
    "AsChannelLast": "write Transpose, with the axes in the wanted order",
}
"""Components that are gone without a successor, with what to write instead."""

ARGUMENTS = {
    "dimensions": "spatial_dims",
    "n_classes": "num_classes",
    "ce_weight": "weight",
    "pos_embed": "proj_type",
    "channel_dim": "dim",
    "spatial_channels": "spatial_dims",
}
"""Old argument → today's, wherever a component knows the new one and not the old."""

GONE_ARGUMENTS = {
    "as_tensor_output": "every transform returns a tensor",
    "meta_keys": "the metadata travel on the image itself",
    "meta_key_postfix": "the metadata travel on the image itself",
    "image_meta_keys": "the metadata travel on the image itself",
    "label_meta_keys": "the metadata travel on the image itself",
    "img_size": "the network takes every size that its patches divide",
    "center_coord_key": "the crop's place is in its metadata",
}
"""Arguments without a meaning today, dropped with the reason where a component ignores them."""

_IGNORED_META = ("Invertd", "SaveImaged")
_RANDOM_SIZE = ("RandSpatialCrop", "RandSpatialCropd", "RandSpatialCropSamples",
                "RandSpatialCropSamplesd", "RandScaleCrop", "RandScaleCropd")  # fmt: skip
SWALLOWS = ("AsDiscrete", "AsDiscreted")
"""Components that accept any argument and ignore the ones they don't know."""


@dataclass(frozen=True, kw_only=True)
class Modern:
    """A component in today's words; `changes` are sentences for the user, one for each change."""

    name: str
    args: Args
    changes: tuple[str, ...] = ()


def canonical(name: str) -> str:
    """`AsDiscreteD` and `AsDiscreteDict` are `AsDiscreted`."""
    if name.endswith("Dict") and len(name) > 4:
        return f"{name[:-4]}d"
    if len(name) > 1 and name.endswith("D") and name[-2].islower():
        return f"{name[:-1]}d"
    return name


def modernise(name: str, args: Args, accepted: Callable[[str], tuple[str, ...] | None]) -> Modern:
    """A component of MONAI 0.8 in today's words.

    `accepted` gives the argument names of a component of today, or None if they are unknown.
    Arguments that are wrong in both worlds are left for the caller to find.
    """
    args = dict(args)
    changes: list[str] = []
    plain = canonical(name)
    if (plain in RENAMED and accepted(name) is None) or plain in ("ToTensor", "ToTensord"):
        new, implied = RENAMED[plain]
        changes.append(f"{name} is now {new}")
        name, args = new, {**implied, **args}
        plain = new
    names = accepted(name)
    if plain in SWALLOWS:
        _discrete(name, args, changes)
    if plain in _RANDOM_SIZE and "random_size" not in args:
        args["random_size"] = True
        changes.append(f"{name}: random_size is true, as it was by default")
    for old, new in ARGUMENTS.items():
        if old in args and names is not None and old not in names and new in names:
            args.setdefault(new, args[old])
            del args[old]
            changes.append(f"{name}: {old} is now {new}")
    for old, reason in GONE_ARGUMENTS.items():
        if old in args and (plain in _IGNORED_META or (names is not None and old not in names)):
            del args[old]
            changes.append(f"{name}: {old} has no meaning any more, {reason}")
    if plain == "TorchVisionFCModel" and ("pool_size" in args or "pool_stride" in args):
        size, stride = args.pop("pool_size", 7), args.pop("pool_stride", 1)
        args.setdefault("pool", ["avg", {"kernel_size": size, "stride": stride}])
        changes.append(f"{name}: pool_size, pool_stride are now pool")
    has_margin = args.get("margin") not in (None, 0) and "allow_smaller" not in args
    if plain in ("CropForeground", "CropForegroundd") and has_margin:
        args["allow_smaller"] = True
        changes.append(f"{name}: allow_smaller is true, as it was by default")
    for key in ("load_dict", "save_dict"):
        if isinstance(args.get(key), list):
            # 4.0 named the objects, 4.1 refers to them; `train_conf` was always the config.
            args[key] = {n: "@conf" if n == "train_conf" else f"@{n}" for n in args[key]}
    for key, value in args.items():
        if isinstance(value, str) and value.startswith(("#", "lambda")) and "_meta_dict'" in value:
            modern = _meta_transform(value)
            if modern is not None:
                args[key] = modern
                changes.append(f"{name}: {value.removeprefix('#')} is now {modern}")
    return Modern(name=name, args=args, changes=tuple(changes))


def _discrete(name: str, args: Args, changes: list[str]) -> None:
    """AsDiscrete: `to_onehot` was a switch beside `n_classes`, `threshold_values` a switch too."""
    classes = args.pop("num_classes", args.pop("n_classes", None))
    onehot = args.get("to_onehot")
    flags = onehot if isinstance(onehot, list) else [onehot]
    if any(isinstance(flag, bool) for flag in flags) and (classes is not None or True not in flags):
        number = classes if isinstance(classes, list) else [classes] * len(flags)
        new = [number[min(i, len(number) - 1)] if flag is True else None if flag is False else flag
               for i, flag in enumerate(flags)]  # fmt: skip
        args["to_onehot"] = new if isinstance(onehot, list) else new[0]
        changes.append(f"{name}: to_onehot is now the number of classes, {args['to_onehot']}")
    elif classes is not None:
        changes.append(f"{name}: n_classes is now part of to_onehot, which is {onehot}")
    if "threshold_values" in args or "logit_thresh" in args:
        level = args.pop("logit_thresh", 0.5)
        switch = args.pop("threshold_values", True)
        switches = switch if isinstance(switch, list) else [switch]
        levels = level if isinstance(level, list) else [level] * len(switches)
        new = [value if on else None for on, value in zip(switches, levels, strict=False)]
        args.setdefault("threshold", new if isinstance(switch, list) else new[0])
        changes.append(f"{name}: threshold_values, logit_thresh are now threshold")


def _meta_transform(code: str) -> str | None:
    """`from_engine(['image_meta_dict'])` as the metadata of the image itself."""
    compact = code.removeprefix("#").replace(" ", "").replace('"', "'")
    for prefix in ("monai.handlers.", ""):
        for form in ("['{}_meta_dict']", "'{}_meta_dict'"):
            for key in ("image", "label", "pred"):
                if compact == f"{prefix}from_engine({form.format(key)})":
                    return f"lambda batch: [item['{key}'].meta for item in batch]"
    return None
