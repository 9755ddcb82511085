"""Tiny real trainings: four NIfTI volumes of 16 voxels a side, a network of a few weights."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[3] / "sample_mmar"
HERE = Path(__file__).parent

# What libraries say of themselves while they are imported; nothing here that we could mend.
THEIR_WARNINGS = (
    "ignore::DeprecationWarning:torch",
    "ignore::DeprecationWarning:torch.jit",
    "ignore::DeprecationWarning:monai",
    "ignore::FutureWarning:monai",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            for warning in THEIR_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data list of four cases: a bright box somewhere in noise."""
    import nibabel
    import numpy as np

    folder = tmp_path_factory.mktemp("volumes")
    draw = np.random.default_rng(0)
    cases = []
    for number in range(4):
        image = draw.normal(60, 20, (16, 16, 16)).clip(0, 255)
        label = np.zeros(image.shape, np.uint8)
        x, y, z = draw.integers(2, 7, 3)
        label[x : x + 7, y : y + 7, z : z + 7] = 1
        image[label == 1] += 120
        for kind, volume in (("image", image.astype(np.uint8)), ("label", label)):
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), folder / f"{kind}_{number}.nii.gz")
        cases.append({kind: f"{kind}_{number}.nii.gz" for kind in ("image", "label")})
    listing = {"training": cases[:2], "validation": cases[2:]}
    (folder / "list.json").write_text(json.dumps(listing))
    return folder


@pytest.fixture
def config() -> dict[str, Any]:
    """The sample's config, shrunk: two classes, two epochs, a validation each."""
    made = json.loads((SAMPLE / "config" / "config_train.json").read_text())
    made.update(epochs=2, num_interval_per_valid=1, learning_rate=0.02)
    train = made["train"]
    train["model"]["args"].update(out_channels=2, channels=[4, 8], strides=[2])
    train["pre_transforms"][3]["args"].update(spatial_size=[16, 16, 16])
    train["post_transforms"][1]["args"]["to_onehot"] = 2
    made["validate"]["inferer"]["args"]["roi_size"] = [16, 16, 16]
    return made


@pytest.fixture
def mmar(tmp_path: Path, volumes: Path) -> Callable[..., Path]:
    """Write an MMAR with a config and return its root."""

    def write(config: dict[str, Any], name: str = "mmar", **environment: Any) -> Path:
        root = tmp_path / name
        (root / "config").mkdir(parents=True, exist_ok=True)
        (root / "config" / "config_train.json").write_text(json.dumps(config, indent=2))
        known = {
            "DATA_ROOT": str(volumes),
            "DATASET_JSON": str(volumes / "list.json"),
            "MMAR_CKPT_DIR": "models",
            "MMAR_CKPT": "models/model.pt",
            **environment,
        }
        (root / "config" / "environment.json").write_text(json.dumps(known))
        return root

    return write


@pytest.fixture(autouse=True)
def torch_left_as_it_was() -> Iterator[None]:
    """Determinism and threads are settings of the whole process."""
    import sys

    path = list(sys.path)
    yield
    sys.path[:] = path
    if "torch" in sys.modules:
        import torch

        torch.use_deterministic_algorithms(False)
