"""Real trainings on MONAI's engines, seconds in all."""

import copy
import json
import shutil

import pytest

from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.run import Request, evaluate_checkpoint, train


def test_training_leaves_score_progress_and_model(mmar, config):
    """The files that a search reads, and a checkpoint that scores what they say."""
    import torch

    root = mmar(config)
    score = train(Request(root=root, write_stats=True))
    layout = MmarLayout(root)
    stats = result.read_stats(layout)
    assert stats.metric == "val_mean_dice"
    assert stats.metric_value == score.value > 0.2
    assert stats.epoch == score.epoch
    assert (stats.raw["epochs"], stats.raw["validations"], stats.raw["device"]) == (2, 2, "cpu")
    lines = result.read_progress(layout)
    assert [line["epoch"] for line in lines] == [1, 2]
    assert max(line["metric"] for line in lines) == score.value
    assert all(line["train_loss"] > 0 and line["lr"] == 0.02 for line in lines)
    saved = torch.load(layout.checkpoint, weights_only=True)
    assert set(saved) == {"model", "train_conf"}
    assert saved["train_conf"]["train"]["model"]["name"] == "UNet"
    assert evaluate_checkpoint(Request(root=root)).value == score.value


def test_same_seed_gives_the_same_score_twice(mmar, config):
    """Repeating a training repeats its numbers, its losses too."""
    first, second = (
        (train(Request(root=root, write_stats=True)).value, result.read_progress(MmarLayout(root)))
        for root in (mmar(config, "first"), mmar(config, "second"))
    )
    assert first[0] == second[0]
    assert [line["train_loss"] for line in first[1]] == [line["train_loss"] for line in second[1]]
    config["determinism"]["random_seed"] = 1
    other = train(Request(root=mmar(config, "third"), write_stats=True)).value
    assert other != first[0]


@pytest.mark.parametrize("name", ["a #b @c $d", "%e ü;f", "@train::model"])
def test_root_may_have_any_name(mmar, config, name):
    """MONAI's parser gives a meaning to signs that may stand in a folder's name."""
    root = mmar(config, name)
    assert train(Request(root=root, write_stats=True)).value is not None
    assert MmarLayout(root).checkpoint.is_file()


def test_nan_is_never_the_best(mmar, config):
    """A key metric that begins as NaN: score and model are those of the first number."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "nan_first_metric.py").write_text(
        "from ignite.metrics import Metric\n"
        "class NanFirst(Metric):\n"
        "    values = [float('nan'), 0.25, 0.75, float('nan'), 0.5]\n"
        "    def reset(self): pass\n"
        "    def update(self, output): pass\n"
        "    def compute(self): return self.values.pop(0)\n"
    )
    config["epochs"] = 5
    config["validate"]["key_metric"] = {
        "path": "nan_first_metric.NanFirst",
        "log_label": "odd",
        "args": {"output_transform": "#monai.handlers.from_engine(['pred', 'label'])"},
    }
    score = train(Request(root=mmar(config), write_stats=True))
    assert (score.value, score.epoch) == (0.75, 3)
    lines = result.read_progress(MmarLayout(root))
    assert [line["metric"] for line in lines] == [None, 0.25, 0.75, None, 0.5]
    assert MmarLayout(root).checkpoint.is_file()


def test_only_nan_is_no_score(mmar, config):
    """Finished, no usable score: the file says null, and there is no best model."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "nan_only_metric.py").write_text(
        "from ignite.metrics import Metric\n"
        "class Nan(Metric):\n"
        "    def reset(self): pass\n"
        "    def update(self, output): pass\n"
        "    def compute(self): return float('nan')\n"
    )
    config["validate"]["key_metric"].update(path="nan_only_metric.Nan", args={})
    assert train(Request(root=mmar(config), write_stats=True)).value is None
    stats = result.read_stats(MmarLayout(root))
    assert (stats.metric_value, stats.complaint) == (None, "no validation gave a finite score")
    assert not MmarLayout(root).checkpoint.exists()


def test_old_words_train_like_todays(mmar, config):
    """A config in MONAI 0.8's words gives the very score of the same in today's."""
    today = train(Request(root=mmar(config, "today"), write_stats=True)).value
    old = copy.deepcopy(config)
    model = old["train"]["model"]["args"]
    model["dimensions"] = model.pop("spatial_dims")
    old["train"]["pre_transforms"][5]["name"] = "ToTensord"
    old["validate"]["pre_transforms"][3]["ref"] = "ToTensord"
    old["train"]["post_transforms"][1]["args"].update(to_onehot=True, n_classes=2)
    assert train(Request(root=mmar(old, "old"), write_stats=True)).value == today


def test_style_of_4_0_trains_too(mmar, config):
    """What 4.0 left to the runtime gives the score of the same written out."""
    full = train(Request(root=mmar(config, "full"))).value
    bare = copy.deepcopy(config)
    del bare["train"]["optimizer"]["args"]["params"]
    bare["train"]["trainer"]["args"] = {}
    bare["validate"]["evaluator"]["args"] = {}
    assert train(Request(root=mmar(bare, "bare"))).value == full


def test_inversion_and_saving_work_after_the_validation(mmar, config):
    """Invertd needs the record of what was done, which ToTensord would have thrown away."""
    validate = config["validate"]
    config["train"]["pre_transforms"][5]["name"] = "ToTensord"
    validate["pre_transforms"][3]["ref"] = "ToTensord"
    spacing = {"keys": ["image", "label"], "pixdim": [2, 2, 2], "mode": ["bilinear", "nearest"]}
    config["train"]["pre_transforms"].insert(2, {"name": "Spacingd", "args": spacing})
    config["train"]["pre_transforms"][4]["args"]["spatial_size"] = [8, 8, 8]
    validate["pre_transforms"].insert(2, {"ref": "Spacingd"})
    invert = {
        "name": "Invertd",
        "args": {
            "keys": ["pred", "label"],
            "transform": "@pre_transforms",
            "orig_keys": ["image", "label"],
            "meta_keys": ["pred_meta_dict", "label_meta_dict"],
            "nearest_interp": True,
            "to_tensor": True,
            "device": "cuda",
        },
    }
    save = {
        "name": "SaveImaged",
        "args": {
            "keys": "pred",
            "meta_keys": "pred_meta_dict",
            "output_dir": "{MMAR_EVAL_OUTPUT_PATH}",
            "print_log": False,
        },
    }
    validate["post_transforms"] = [*validate["post_transforms"], invert, save]
    validate["handlers"].append(
        {
            "name": "MetricsSaver",
            "args": {
                "save_dir": "{MMAR_EVAL_OUTPUT_PATH}",
                "metrics": "*",
                "metric_details": "*",
                "batch_transform": "#monai.handlers.from_engine(['image_meta_dict'])",
            },
        }
    )
    root = mmar(config)
    assert train(Request(root=root, write_stats=True)).value is not None
    assert len(list((root / "eval").rglob("*.nii.gz"))) == 2
    assert "image_2" in (root / "eval" / "val_mean_dice_raw.csv").read_text()


def test_score_of_an_earlier_training_is_gone_at_the_start(mmar, config):
    """A training that fails leaves no score behind, not even an old one."""
    from mmar_automl.errors import ConfigProblems

    root = mmar(config)
    train(Request(root=root, write_stats=True))
    config["train"]["optimizer"]["name"] = "Addam"
    mmar(config)
    with pytest.raises(ConfigProblems):
        train(Request(root=root, write_stats=True))
    stats = result.read_stats(MmarLayout(root))
    assert stats.metric_value is None
    assert stats.complaint.startswith("1 error in the MMAR's files: train.optimizer.name: ")
    assert stats.raw["fault_class"] == "config"
    assert not MmarLayout(root).progress.exists()


def test_without_write_stats_only_checkpoints_are_written(mmar, config):
    """The two files are for a search; a person's training does without."""
    root = mmar(config)
    train(Request(root=root))
    written = sorted(file.name for file in MmarLayout(root).models.iterdir())
    assert written == ["final_model.pt", "model.pt", "resume.pt"]


def test_variables_from_set_outrank(mmar, config):
    """`--set` goes before environment.json and the config."""
    root = mmar(config, epochs=4)
    train(Request(root=root, write_stats=True, overrides={"epochs": 1}))
    assert len(result.read_progress(MmarLayout(root))) == 1


def test_model_moves_with_its_mmar(mmar, config, tmp_path):
    """An MMAR that was moved still evaluates to its score."""
    root = mmar(config)
    score = train(Request(root=root))
    moved = tmp_path / "elsewhere" / "x"
    shutil.copytree(root, moved)
    shutil.rmtree(root)
    assert evaluate_checkpoint(Request(root=moved)).value == score.value
    json.dumps(score.metrics)
