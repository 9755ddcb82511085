"""Components and their arguments, found without importing torch."""

import subprocess
import sys

import pytest

from mmar_automl.trainer import names


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("DataLoader", "monai.data.DataLoader"),
        ("Dataset", "monai.data.Dataset"),
        ("MeanDice", "monai.handlers.MeanDice"),
        ("ValidationHandler", "monai.handlers.ValidationHandler"),
        ("SupervisedTrainer", "monai.engines.SupervisedTrainer"),
        ("Adam", "torch.optim.Adam"),
        ("StepLR", "torch.optim.lr_scheduler.StepLR"),
        ("BCEWithLogitsLoss", "torch.nn.BCEWithLogitsLoss"),
        ("Accuracy", "ignite.metrics.Accuracy"),
        ("Novograd", "monai.optimizers.Novograd"),
        ("BasicUnet", "monai.networks.nets.BasicUnet"),
    ],
)
def test_bare_name_is_monais_before_torchs_and_ignites(name, target):
    """A bare name is looked for in MONAI first, then in torch and ignite."""
    assert names.find(name).target == target


def test_signature_follows_aliases_and_bases():
    """`RandFlipD` is another name of RandFlipd; MeanDice's arguments are its own."""
    assert "spatial_axis" in names.find("RandFlipD").signature.names
    assert names.find("UNet").signature.required[:3] == (
        "spatial_dims",
        "in_channels",
        "out_channels",
    )
    assert "include_background" in names.find("MeanDice").signature.names


def test_unknown_name_has_neighbours():
    """A misspelt name is not found, and the nearest ones are offered."""
    assert names.find("DiceLos") is None
    assert names.suggest("DiceLos")[0] == "DiceLoss"
    assert names.suggest("unett")[0].lower() == "unet"


def test_path_in_the_users_folder_is_read_and_not_run(tmp_path):
    """A user's own class is found by its source; importing it would run it."""
    (tmp_path / "mine.py").write_text(
        "raise SystemExit('run')\nclass Loss:\n    def __init__(self, a, b=1): ...\n"
    )
    found = names.find_path("mine.Loss", [tmp_path])
    assert (found.signature.required, found.signature.optional) == (("a",), ("b",))
    assert names.find_path("mine.Los", [tmp_path]) is None
    assert names.find_path("not_there_at_all.Loss", [tmp_path]) is None


def test_path_into_an_installed_package():
    """A full path may also lead into an installed package."""
    assert names.find_path("monai.losses.DiceLoss").signature is not None
    assert names.find_path("monai.losses.DiceLos") is None


def test_torch_stays_out():
    """Translating is for `validate` too, which answers before torch could be imported."""
    code = (
        "import sys; from mmar_automl.trainer import names, translate, checks, catalog;"
        "names.find('UNet'); names.suggest('x');"
        "print([m for m in ('torch', 'monai', 'ignite') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
