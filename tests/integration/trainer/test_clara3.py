"""Configs of Clara 3.x on real volumes: they train, and their own components do their sums."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmar_automl.app.check import check
from mmar_automl.app.convert import convert
from mmar_automl.trainer.run import Request, train

MMARS = Path(__file__).parents[2] / "mmars"
TEMPLATE = Path(__file__).parents[3] / "mmar_automl" / "app" / "templates" / "mmar"


@pytest.fixture
def config():
    """The completed figure 9, as small as the volumes are."""
    made = json.loads((MMARS / "clara3" / "config" / "figure_9.json").read_text())
    made.update(epochs=2, learning_rate=0.02)
    steps = made["train"]["pre_transforms"]
    for step in steps[2:4]:
        step["args"]["target_resolution"] = [1, 1, 1]
    steps[4]["args"].update(a_min=0, a_max=255)
    steps[5]["args"]["size"] = [8, 8, 8]
    made["train"]["model"]["args"].update(init_filters=2, blocks_down="1,1", blocks_up="1")
    made["validate"]["inferer"]["args"]["roi_size"] = [16, 16, 16]
    return made


def trained(root):
    return train(Request(root=root, write_stats=True))


def test_the_converted_mmar_gives_the_same_score(mmar, config, tmp_path):
    """To the last digit, under the same seed."""
    flip = config["train"]["pre_transforms"][6]
    flip["args"]["probability"] = 0.5
    root = mmar(config)
    first = trained(root)
    convert(root, tmp_path / "new")
    second = trained(tmp_path / "new")
    assert first.value is not None
    assert 0 < first.value < 1
    assert (
        (second.metric, second.value) == (first.metric, first.value) == ("mean_dice", first.value)
    )
    report = (tmp_path / "new" / "docs" / "conversion.md").read_text()
    assert "| train.pre_transforms[6] | RandomAxisFlip | RandAxisFlipd |" in report
    made = json.loads((tmp_path / "new" / "config" / "config_train.json").read_text())
    assert made["search"][0]["args"] == ["learning_rate"]


def with_cache(config):
    pipeline = config["train"]["image_pipeline"]
    pipeline["name"] = "SegmentationKerasImagePipelineWithCache"
    pipeline["args"].update(num_cache_objects=1, replace_percent=0.5, multiprocessing=False)
    config["train"]["batch_transforms"] = [{"name": "MergeBatchDims", "args": {"fields": "image"}}]
    config["train"]["lr_policy"] = {
        "name": "ReduceOnPlateau",
        "args": {"plateau_count_trigger": 1, "reduction_rate": 0.5},
    }


def with_loss_as_score(config):
    config["train"]["aux_ops"].append({"name": "NegLoss", "args": {"tag": "neg_loss"}})
    config["validate"]["metrics"] = [
        {"name": "ComputeAverage", "args": {"name": "dice", "field": "dice"}},
        {"name": "ComputeAverage",
         "args": {"name": "loss", "field": "neg_loss", "is_key_metric": True}},
    ]  # fmt: skip
    config["train"]["loss"] = {"name": "Focal", "args": {"skip_background": True}}
    config["train"]["model"]["args"]["use_vae"] = True
    config["train"]["image_pipeline"]["args"]["output_crop_size"] = [8, 8, 8]
    config["train"]["lr_policy"] = {
        "name": "DecayOnStep", "args": {"decay_ratio": 0.9, "decay_freq": 1}
    }  # fmt: skip


def with_other_words(config):
    """Two tags, a sigmoid, a turned and bent crop, noise, a fixed crop in the validation."""
    train = config["train"]
    train["model"] = {
        "name": "Unet",
        "args": {"num_classes": 2, "nf_enc": "4,8", "nf_dec": "8,4", "use_group_norm": True,
                 "final_activation": "sigmoid"},
    }  # fmt: skip
    train["optimizer"] = {"name": "NovoGrad"}
    train["lr_policy"] = {"name": "ReduceCosine", "args": {"rate": 0.5}}
    train["aux_ops"][0]["args"].update(tags=["dice_bg", "dice"], skip_background=False)
    train["pre_transforms"][5] = {
        "name": "FastPosNegRatioCropROI",
        "args": {"size": [8, 8, 8], "rotation": True, "scale": True, "deform": True},
    }
    train["pre_transforms"] += [
        {"name": "CropFixedSizeRandomCenter", "args": {"fields": ["image", "label"],
                                                       "size": [8, 8, 8]}},
        {"name": "RandomZoom", "args": {"fields": ["image", "label"], "probability": 1.0}},
        {"name": "ScaleShiftIntensity", "args": {"fields": "image", "scale": 0.1, "shift": 0.1}},
        {"name": "AddGaussianNoise", "args": {"fields": "image", "probability": 1.0}},
    ]  # fmt: skip
    config["validate"]["pre_transforms"].append({"ref": "CropFixedSizeRandomCenter"})
    config["validate"]["inferer"] = {"name": "TFSimpleInferer"}
    config["validate"]["metrics"][0] = {
        "name": "ComputeAverageDice",
        "args": {"name": "mean_dice", "is_key_metric": True, "report_path": "{MMAR_CKPT_DIR}"},
    }


@pytest.mark.parametrize("change", [with_cache, with_loss_as_score, with_other_words])
def test_the_rest_of_the_vocabulary_trains(change, mmar, config):
    """Every section, with components that the seeds do not have."""
    change(config)
    score = trained(mmar(config))
    assert score.value is not None
    assert math.isfinite(score.value)
    assert (score.value < 0) is (change is with_loss_as_score)


@pytest.mark.parametrize("empty", [1, 2], ids=["one of two cases", "all cases"])
def test_a_crop_without_the_organ_does_not_spoil_the_mean(empty, mmar, config, volumes, tmp_path):
    """A case that has none does not count; where none has, the score is 0, and no NaN."""
    import nibabel
    import numpy as np

    full = trained(mmar(config, "full"))
    nibabel.save(nibabel.Nifti1Image(np.zeros((16, 16, 16), np.uint8), np.eye(4)),
                 tmp_path / "empty.nii.gz")  # fmt: skip
    listing = json.loads((volumes / "list.json").read_text())
    for case in listing["validation"][:empty]:
        case["label"] = str(tmp_path / "empty.nii.gz")
    (tmp_path / "list.json").write_text(json.dumps(listing))
    score = trained(mmar(config, DATASET_JSON=str(tmp_path / "list.json")))
    assert score.value is not None
    assert math.isfinite(score.value)
    if empty == 2:
        assert score.value == 0
    else:
        assert score.value > 0
        assert score.value != full.value


@pytest.mark.slow  # two jobs as processes of their own: 20 s
def test_a_search_stays_in_the_words_of_its_mmar(mmar, config):
    """Two jobs with real scores, their configs in 3.x's words, the parameter by its old name."""
    config["search"] = []
    config["epochs"] = 1
    config["train"]["pre_transforms"][6]["search"] = [
        {"domain": "transform", "type": "enum", "args": ["probability#prob"], "targets": [0.0, 1.0]}
    ]
    config["train"]["pre_transforms"][7]["apply"] = {"probability": "prob"}
    root = mmar(config)
    shutil.copytree(TEMPLATE / "commands", root / "commands")
    words = ["run", str(root), "--run-id", "r", "--no-mlflow", "--workers", "cpu"]
    ran = subprocess.run([sys.executable, "-m", "mmar_automl", *words], capture_output=True,
                         text=True, check=False, timeout=180)  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "RandomAxisFlip.probability=" in ran.stdout + ran.stderr
    probabilities = set()
    for job in ("W1_1_J1", "W1_2_J2"):
        folder = root / "automl" / "r" / job
        made = json.loads((folder / "config" / "config_train.json").read_text())
        flip, turn = made["train"]["pre_transforms"][6:8]
        assert flip["name"] == "RandomAxisFlip"
        assert flip["args"]["probability"] == turn["args"]["probability"]
        probabilities.add(flip["args"]["probability"])
        stats = json.loads((folder / "models" / "train_stats.json").read_text())
        assert stats["metric"] == "mean_dice"
        assert 0 <= stats["best_validation_metric"] <= 1
    assert probabilities == {0.0, 1.0}


def test_claras_own_network_of_the_user(mmar, config):
    """`CustomArch.SegResnet`, under the name and with the arguments of Clara's AMP example."""
    clara = json.loads(
        (MMARS / "clara" / "tensorflow" / "config" / "trn_autoML_AMP.json").read_text()
    )
    config["train"]["model"] = clara["train"]["model"]
    config["train"]["model"]["args"].update(blocks_down="1,1", blocks_up="1", init_filters=4)
    root = mmar(config)
    shutil.copytree(MMARS / "clara3" / "custom", root / "custom")
    try:
        score = trained(root)
    finally:
        # The next test's MMAR has no such module, and must not find this one's.
        sys.modules.pop("CustomArch", None)
    assert score.value is not None


def test_a_component_written_for_tensorflow_is_told_before_a_training(mmar, config):
    """An error where the config names it; nobody's business where another program trains."""
    config["train"]["pre_transforms"].append({"path": "mine.Add"})
    root = mmar(config)
    (root / "custom").mkdir()
    for name, package in (("mine", "ai4med.components"), ("spare", "tensorflow")):
        code = f"import math\nfrom {package} import x\nclass Add:\n    pass\n"
        (root / "custom" / f"{name}.py").write_text(code)
    shutil.copytree(TEMPLATE / "commands", root / "commands")
    found = {p.message: (p.severity, p.line) for p in check(root).problems}
    assert found["imports ai4med, which Clara Train 3.x had and is not there"] == ("error", 2)
    assert found["imports tensorflow, which Clara Train 3.x had and is not there"][0] == "warning"
    (root / "commands" / "automl_train_round.sh").write_text("./my_training.sh\n")
    assert not [p for p in check(root).problems if "imports" in p.message]


def test_a_training_that_fails_names_the_place_in_the_users_config(mmar, config):
    """The 3.x component, not what it was translated to."""
    from mmar_automl.trainer.build import CannotBuild

    config["train"]["model"]["args"]["n_spatial_dim"] = 4
    with pytest.raises(CannotBuild) as caught:
        trained(mmar(config))
    assert "train.model: SegResnet(" in str(caught.value)
    assert "use_group_normG=8" in str(caught.value)
