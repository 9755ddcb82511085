"""What changed since MONAI 0.8 is translated, said, and never dropped in silence."""

from pathlib import Path

import pytest

from mmar_automl.trainer import names
from mmar_automl.trainer.catalog import (
    ARGUMENTS,
    GONE_ARGUMENTS,
    REMOVED,
    RENAMED,
    canonical,
    modernise,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "training.md"


def accepted(name: str):
    found = names.find(name)
    return found.signature.names if found and found.signature else None


def modern(name: str, **args):
    made = modernise(name, args, accepted)
    return made.name, made.args, made.changes


@pytest.mark.parametrize(
    ("name", "args", "now", "now_args"),
    [
        ("UNet", {"dimensions": 3}, "UNet", {"spatial_dims": 3}),
        ("BasicUNet", {"dimensions": 2}, "BasicUNet", {"spatial_dims": 2}),
        (
            "AddChanneld",
            {"keys": "image"},
            "EnsureChannelFirstd",
            {"keys": "image", "channel_dim": "no_channel"},
        ),
        (
            "AsChannelFirstd",
            {"keys": "image", "channel_dim": 2},
            "EnsureChannelFirstd",
            {"keys": "image", "channel_dim": 2},
        ),
        (
            "TorchVisionFullyConvModel",
            {"model_name": "resnet18", "n_classes": 2, "pool_size": [3, 3]},
            "TorchVisionFCModel",
            {
                "model_name": "resnet18",
                "num_classes": 2,
                "use_conv": True,
                "pool": ["avg", {"kernel_size": [3, 3], "stride": 1}],
            },
        ),
        (
            "SplitChanneld",
            {"keys": "pred", "channel_dim": 0},
            "SplitDimd",
            {"keys": "pred", "dim": 0},
        ),
        (
            "AddCoordinateChannelsd",
            {"keys": "image", "spatial_channels": [0]},
            "AddCoordinateChannelsd",
            {"keys": "image", "spatial_dims": [0]},
        ),
        ("SwinUNETR", {"img_size": 96, "in_channels": 1}, "SwinUNETR", {"in_channels": 1}),
        (
            "CropForegroundd",
            {"keys": "image", "margin": 4},
            "CropForegroundd",
            {"keys": "image", "margin": 4, "allow_smaller": True},
        ),
        ("NovoGrad", {"lr": 1}, "Novograd", {"lr": 1}),
        ("ToTensord", {"keys": "image"}, "EnsureTyped", {"keys": "image"}),
        ("ToTensorD", {"keys": "image"}, "EnsureTyped", {"keys": "image"}),
        ("AsDiscreted", {"to_onehot": 2, "n_classes": 2}, "AsDiscreted", {"to_onehot": 2}),
        ("AsDiscreted", {"to_onehot": True, "n_classes": 3}, "AsDiscreted", {"to_onehot": 3}),
        (
            "AsDiscreteD",
            {"to_onehot": [True, False], "n_classes": 2},
            "AsDiscreteD",
            {"to_onehot": [2, None]},
        ),
        ("AsDiscreted", {"threshold_values": True}, "AsDiscreted", {"threshold": 0.5}),
        (
            "AsDiscreted",
            {"threshold_values": True, "logit_thresh": 0.3},
            "AsDiscreted",
            {"threshold": 0.3},
        ),
        (
            "AsDiscreted",
            {"threshold_values": [True, False]},
            "AsDiscreted",
            {"threshold": [0.5, None]},
        ),
        (
            "SaveImaged",
            {"keys": "pred", "meta_keys": "pred_meta_dict"},
            "SaveImaged",
            {"keys": "pred"},
        ),
        ("Invertd", {"keys": "pred", "meta_keys": ["m"]}, "Invertd", {"keys": "pred"}),
        ("DiceCELoss", {"ce_weight": None}, "DiceCELoss", {"weight": None}),
        (
            "RandSpatialCropd",
            {"keys": "image", "roi_size": 4},
            "RandSpatialCropd",
            {"keys": "image", "roi_size": 4, "random_size": True},
        ),
    ],
)
def test_old_words_become_todays_and_are_said(name, args, now, now_args):
    """Each rename gives what MONAI 0.8 did, and one sentence for the user."""
    made_name, made_args, changes = modern(name, **args)
    assert (made_name, made_args) == (now, now_args)
    assert changes


def test_todays_words_stay_as_they_are():
    """A config of today is not touched, and nothing is said."""
    assert modern("UNet", spatial_dims=3) == ("UNet", {"spatial_dims": 3}, ())
    assert modern("AsDiscreted", keys="pred", argmax=True, to_onehot=2)[2] == ()


def test_metadata_come_from_the_image():
    """`from_engine(['image_meta_dict'])` finds nothing in a batch of today."""
    made = modern(
        "MetricsSaver", batch_transform="#monai.handlers.from_engine(['image_meta_dict'])"
    )
    assert made[1]["batch_transform"] == "lambda batch: [item['image'].meta for item in batch]"
    assert made[2]


def test_every_successor_exists():
    """No rename leads to a name that MONAI does not have."""
    assert [new for new, _ in RENAMED.values() if names.find(new) is None] == []


def test_dictionary_spellings_are_one():
    """MONAI spells each dictionary transform in three ways."""
    assert {canonical(n) for n in ("AsDiscreted", "AsDiscreteD", "AsDiscreteDict")} == {
        "AsDiscreted"
    }
    assert canonical("AHNet") == "AHNet"


@pytest.mark.parametrize("table", [RENAMED, ARGUMENTS, GONE_ARGUMENTS, REMOVED], ids=len)
def test_the_document_lists_every_translation(table):
    """docs/training.md has a row for each entry, with what it becomes."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    for old, new in table.items():
        now = new[0] if isinstance(new, tuple) else new
        assert [row for row in rows if f"`{old}`" in row and now in row], old
