"""Names of Clara 3.x that are not in the catalog, with what stands in the way."""

from __future__ import annotations

from mmar_automl.trainer import names
from mmar_automl.trainer.vocabulary.entry import CATALOG

_CLASSIFICATION = "classification of 3.x is not supported: write a 4.1 config with MONAI's classes"
_USE = "MONAI's {} may stand in its place"

UNSUPPORTED = {
    "ClassificationImagePipeline": _CLASSIFICATION,
    "ClassificationImagePipelineWithCache": _CLASSIFICATION,
    "ClassificationKerasImagePipeline": _CLASSIFICATION,
    "ClassificationKerasImagePipelineWithCache": _CLASSIFICATION,
    "DenseNet121": _CLASSIFICATION,
    "BinaryClassificationLoss": _CLASSIFICATION,
    "MulticlassClassificationLoss": _CLASSIFICATION,
    "ComputeAUC": _CLASSIFICATION,
    "AddExtremePointsChannel": _USE.format("AddExtremePointsChanneld"),
    "AdjustContrast": _USE.format("RandAdjustContrastd"),
    "ArgmaxAcrossChannels": "post transforms follow from the network's final_activation today",
    "ConvertToMultiChannelBasedOnBratsClasses": _USE.format(
        "ConvertToMultiChannelBasedOnBratsClassesd"
    ),
    "ConvertToMultiChannelBasedOnLabel": _USE.format("AsDiscreted with to_onehot"),
    "CropByPosNegRatioLabelOnly": _USE.format("RandCropByLabelClassesd"),
    "CropForegroundObject": _USE.format("CropForegroundd"),
    "FlipAxes": _USE.format("Flipd"),
    "KeepLargestCC": _USE.format("KeepLargestConnectedComponentd"),
    "LoadImageMasksFromNumpy": _USE.format("LoadImaged"),
    "NPRandomFlip3D": _USE.format("RandFlipd"),
    "NPRandomRot90_XY": _USE.format("RandRotate90d"),
    "NPRandomZoom3D": _USE.format("RandZoomd"),
    "NPResizeImage": _USE.format("Resized"),
    "RepeatChannel": _USE.format("RepeatChanneld"),
    "RestoreOriginalShape": _USE.format("Invertd"),
    "ScaleByFactor": _USE.format("Zoomd"),
    "ScaleBySpacing": _USE.format("Spacingd"),
    "SplitAcrossChannels": _USE.format("SplitDimd"),
    "SplitBasedOnBratsClasses": _USE.format("ConvertToMultiChannelBasedOnBratsClassesd"),
    "SplitBasedOnLabel": _USE.format("AsDiscreted with to_onehot"),
    "ThresholdValues": "post transforms follow from the network's final_activation today",
    "UnetParallel": "it split one network over GPUs; train on several with multi_gpu instead",
}
"""Known, and not supported: name → what to do."""


def suggest(name: str, kind: str) -> str:
    """What a name may have been meant for: 3.x's own first, then today's."""
    same = [entry.name for entry in CATALOG.values() if entry.kind == kind]
    near = names.nearest(name, same) or names.nearest(name, [*CATALOG, *UNSUPPORTED])
    near = near or names.suggest(name)
    return f"did you mean {' or '.join(near[:2])}?" if near else (
        'a component of your own is given by "path": "module.Class"')  # fmt: skip
