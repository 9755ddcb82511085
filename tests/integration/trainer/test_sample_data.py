"""The sample's data: cut from the template inside nilearn, offline, and only once."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "sample_mmar" / "commands" / "prepare_dataset.py"
needs_nilearn = pytest.mark.skipif(
    importlib.util.find_spec("nilearn") is None, reason="the [sample] extra is not installed"
)


def prepare(root, *options, flags=()):
    return subprocess.run(
        [sys.executable, *flags, str(SCRIPT), str(root), *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@needs_nilearn
def test_eight_blocks_of_one_hemisphere(tmp_path):
    """Six subjects to train, blocks 2 and 5 to validate, grey and white matter in each."""
    import nibabel
    import numpy as np

    ran = prepare(tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    data = tmp_path / "data"
    listing = json.loads((data / "dataset.json").read_text())
    assert [item["image"] for item in listing["validation"]] == [
        "images/block_2.nii.gz",
        "images/block_5.nii.gz",
    ]
    assert len(listing["training"]) == 6
    boxes = []
    for item in listing["training"] + listing["validation"]:
        image, label = nibabel.load(data / item["image"]), nibabel.load(data / item["label"])
        assert image.shape == label.shape == (40, 24, 40)
        assert np.allclose(image.affine, label.affine)
        assert image.header.get_zooms() == (2, 2, 2)
        assert set(np.unique(label.dataobj)) == {0, 1, 2}
        corner = image.affine[:3, 3]
        # In millimetres x = 0 is the midline: the other hemisphere would be the same data again.
        assert corner[0] + 2 * 40 <= 1
        boxes.append(tuple(corner))
    assert len(set(boxes)) == 8


@needs_nilearn
def test_second_run_does_nothing_and_a_lost_file_is_made_good(tmp_path):
    """Idempotent: what is there stays, what is missing comes back."""
    prepare(tmp_path)
    label = tmp_path / "data" / "labels" / "block_3.nii.gz"
    written = label.stat().st_mtime_ns
    assert "already" in prepare(tmp_path).stdout
    assert label.stat().st_mtime_ns == written
    label.unlink()
    assert prepare(tmp_path).returncode == 0
    assert label.is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_without_nilearn_the_message_says_what_to_install(tmp_path):
    """No traceback where the extra is missing."""
    ran = prepare(tmp_path, flags=["-S"])
    assert ran.returncode == 2
    assert "pip install 'mmar-automl[sample]'" in ran.stderr
    assert "Traceback" not in ran.stderr
    shutil.rmtree(tmp_path)
