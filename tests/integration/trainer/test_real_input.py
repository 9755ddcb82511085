"""Clara's own configs on the CT that was published with them, where these lie beside us."""

import json
import shutil
from pathlib import Path

import pytest

from mmar_automl.app.convert import convert
from mmar_automl.defs import SearchResult
from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.search import apply, parse
from mmar_automl.trainer.request import Request, prepare
from mmar_automl.trainer.run import train

EXAMPLES = Path(__file__).parents[4] / "shared/mmars/clara-train-examples/PyTorch/NoteBooks"
DATA = EXAMPLES / "Data/sampleData"
CONFIGS = sorted([*EXAMPLES.glob("*/config/trn_*.json"), *EXAMPLES.glob("*/config/config_train*")])
MMARS = Path(__file__).parents[2] / "mmars"
THREE = sorted([*(MMARS / "clara/tensorflow/config").glob("trn_*.json"),
                *(MMARS / "clara3/config").glob("*.json")])  # fmt: skip

pytestmark = pytest.mark.skipif(not CONFIGS, reason="the published examples are not here")


def prepared(file: Path, root: Path, choice: int = 0) -> Path:
    """An MMAR with the config as its search would train it first: one epoch, one validation."""
    config = json.loads(file.read_text())
    space = parse(config)
    first = {p.key: choice if p.type == "enum" else p.domain.min for p in space}
    config = apply(config, SearchResult(space, first))
    config.update(epochs=1, num_interval_per_valid=1)
    (root / "config").mkdir(parents=True)
    (root / "config" / "config_train.json").write_text(json.dumps(config))
    beside = file.parent / "environment.json"
    environment = json.loads(beside.read_text()) if beside.exists() else {"MMAR_CKPT_DIR": "models"}
    case = {"image": "imagesTr/spleen_8.nii.gz", "label": "labelsTr/spleen_8.nii.gz"}
    (root / "list.json").write_text(json.dumps({"training": [case] * 2, "validation": [case]}))
    environment.update(DATA_ROOT=str(DATA), DATASET_JSON=str(root / "list.json"))
    (root / "config" / "environment.json").write_text(json.dumps(environment))
    for folder in (Path(__file__).parent / "byoc", MMARS / "clara3" / "custom"):
        shutil.copytree(folder, root / "custom", dirs_exist_ok=True)
    return root


@pytest.mark.parametrize("file", [*CONFIGS, *THREE], ids=lambda file: file.stem)
def test_every_published_config_is_ready_to_train(file, tmp_path):
    """Translated without a problem, its files found: all that is known before a training."""
    translation = prepare(Request(root=prepared(file, tmp_path / "mmar")), training=True)
    assert "validate" in translation.translation.bundle


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_published_config_trains_on_the_ct(tmp_path):
    """512 x 512 x 32 voxels, resampled to a millimetre: minutes on one core, and a score."""
    file = next(file for file in CONFIGS if file.stem == "trn_autoML_Enum")
    root = prepared(file, tmp_path / "mmar")
    score = train(Request(root=root, write_stats=True))
    assert 0 < score.value < 1
    assert result.read_stats(MmarLayout(root)).metric == "val_mean_dice"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("choice", [0, 1])
def test_a_converted_mmar_scores_as_the_one_of_3_on_the_ct(choice, tmp_path):
    """Figure 11, with either loss and either optimizer: the same Dice to the last digit."""
    file = next(file for file in THREE if file.stem == "figure_11")
    root = prepared(file, tmp_path / "old", choice)
    convert(root, tmp_path / "new")
    one, other = (train(Request(root=each, write_stats=True)) for each in (root, tmp_path / "new"))
    assert 0 < one.value < 1
    assert (one.metric, one.value) == (other.metric, other.value)
