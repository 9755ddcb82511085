"""What a person is told when a training cannot be: place, arguments, case and cause."""

import json
import os
import subprocess
import sys

import pytest

from mmar_automl.errors import BadInput, ConfigProblems, EnvironmentFault
from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.build import CannotBuild
from mmar_automl.trainer.checkpoint import UnfitCheckpoint
from mmar_automl.trainer.run import Request, TrainingFailed, evaluate_checkpoint, train


def test_constructor_that_raises_is_named(mmar, config):
    """The JSON path, the component with its arguments, the root cause; and exit status 2."""
    config["train"]["model"]["args"]["strides"] = [2, 2, 2]
    config["train"]["model"]["args"]["channels"] = [4]
    root = mmar(config)
    with pytest.raises(CannotBuild) as caught:
        train(Request(root=root, write_stats=True))
    text = str(caught.value)
    assert text.startswith("train.model: UNet(")
    assert "channels=[4]" in text
    assert "ValueError: the length of `channels`" in text
    assert caught.value.exit_code == 2
    assert result.read_stats(MmarLayout(root)).raw["fault"] == text


def test_constructor_of_a_nested_component_is_named(mmar, config):
    """One of many transforms is named by its index, counted as in the file."""
    config["train"]["pre_transforms"].insert(0, {"name": "RandFlipd", "disabled": True})
    config["train"]["pre_transforms"][5]["args"]["spatial_axis"] = "x"
    config["train"]["pre_transforms"][4]["args"]["pos"] = -1
    with pytest.raises(CannotBuild, match=r"train\.pre_transforms\[4\]: RandCropByPosNegLabeld"):
        train(Request(root=mmar(config)))


def test_fault_in_a_loader_process_is_named_too(mmar, config):
    """What a worker of the data loader sends is a text; the transform is still found."""
    config["train"]["pre_transforms"][3]["args"]["spatial_size"] = [64, 64, 64]
    config["train"]["dataloader"]["args"]["num_workers"] = 1
    with pytest.raises(TrainingFailed, match=r"larger") as caught:
        train(Request(root=mmar(config)))
    text = str(caught.value)
    assert text.startswith("train.pre_transforms[3]: RandCropByPosNegLabeld(keys=")
    assert "spatial_size=[64, 64, 64]" in text
    assert "image_" in text.rpartition("[")[2]


WRITE = """
import sys, torch
from pathlib import Path
from mmar_automl.trainer.checkpoint import write_checkpoint
write_checkpoint(Path(sys.argv[1]), {"model": torch.zeros(100_000)})
"""


def test_a_checkpoint_that_cannot_be_written_is_told_as_the_disks_fault(mmar, config, tmp_path):
    """Not as the wrong position that torch comes to: a search ends for a full disk, by its name."""

    def limited(*words):
        # A limit on the size of files refuses a write where a full disk would.
        argv = ["bash", "-c", 'ulimit -f 16; exec "$@"', "-", sys.executable, *map(str, words)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    done = limited("-c", WRITE, tmp_path / "model.pt")
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []
    config["train"]["model"]["args"]["channels"] = [16, 32]
    done = limited("-m", "mmar_automl", "train", "-m", mmar(config))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "CheckpointSaver(" in last
    assert last.endswith("OSError: [Errno 27] File too large")


def test_expression_that_fails_is_named(mmar, config):
    """Code in the config that Python can read and not run."""
    config["train"]["optimizer"]["args"]["lr"] = "#1 / 0"
    with pytest.raises(CannotBuild, match=r"train\.optimizer: Adam\(.*ZeroDivisionError"):
        train(Request(root=mmar(config)))
    config["train"]["optimizer"]["args"]["lr"] = 0.1
    config["train"]["notes"] = ["#1 / 0"]
    config["train"]["trainer"]["args"]["to_kwargs"] = "@notes"
    with pytest.raises(CannotBuild, match=r"train\.notes: ZeroDivisionError"):
        train(Request(root=mmar(config)))


def test_crop_larger_than_the_image_names_transform_and_case(mmar, config):
    """Valid by itself, invalid on these data: the message says on which."""
    config["train"]["pre_transforms"][3]["args"]["spatial_size"] = [64, 64, 64]
    root = mmar(config)
    with pytest.raises(TrainingFailed) as caught:
        train(Request(root=root, write_stats=True))
    text = str(caught.value)
    assert text.startswith("train.pre_transforms[3]: ")
    assert "larger" in text
    assert "image_" in text
    assert caught.value.exit_code == 1
    assert result.read_stats(MmarLayout(root)).metric_value is None


def test_label_of_another_shape_names_the_loss_or_transform(mmar, config, volumes, tmp_path):
    """A label that does not fit its image ends the training with a place."""
    import nibabel
    import numpy as np

    small = tmp_path / "small.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((9, 9, 9), np.uint8), np.eye(4)), small)
    listing = json.loads((volumes / "list.json").read_text())
    listing["training"][0]["label"] = str(small)
    (tmp_path / "odd.json").write_text(json.dumps(listing))
    root = mmar(config, DATASET_JSON=str(tmp_path / "odd.json"))
    with pytest.raises((TrainingFailed, CannotBuild), match=r"train\.pre_transforms\[3\]: Rand"):
        train(Request(root=root, write_stats=True))
    assert "image_0" in result.read_stats(MmarLayout(root)).complaint
    # Without a crop that looks at the label, it is the loss that meets both.
    del config["train"]["pre_transforms"][3]
    for scope in ("train", "validate"):
        config[scope]["dataloader"]["args"]["batch_size"] = 1
    config["train"]["dataloader"]["args"]["shuffle"] = False
    with pytest.raises(TrainingFailed) as caught:
        train(Request(root=mmar(config, "other", DATASET_JSON=str(tmp_path / "odd.json"))))
    assert str(caught.value).startswith("train.loss[0]: DiceCELoss(include_background=True")
    assert "image_0" in str(caught.value)


def test_unreadable_volume_is_named(mmar, config, volumes, tmp_path):
    """A file that is no image: its name is in the message."""
    (tmp_path / "broken.nii.gz").write_bytes(b"not a volume")
    listing = json.loads((volumes / "list.json").read_text())
    listing["training"][1]["image"] = str(tmp_path / "broken.nii.gz")
    (tmp_path / "odd.json").write_text(json.dumps(listing))
    with pytest.raises(CannotBuild, match=r"train\.pre_transforms\[0\].*broken\.nii\.gz"):
        train(Request(root=mmar(config, DATASET_JSON=str(tmp_path / "odd.json"))))


def test_epochs_below_the_interval_are_refused(mmar, config):
    """A training that never validates has no score, so it does not begin."""
    config["num_interval_per_valid"] = 20
    root = mmar(config)
    with pytest.raises(ConfigProblems) as caught:
        train(Request(root=root, write_stats=True))
    (problem,) = caught.value.problems
    assert problem.path == ("train", "handlers", 2, "args", "interval")
    assert "every 20 epochs never comes in 2 epochs" in problem.message


def test_missing_files_are_counted_before_anything_runs(mmar, config, volumes, tmp_path):
    """Every missing file of every list, with the places that were tried."""
    listing = json.loads((volumes / "list.json").read_text())
    listing["training"][0]["image"] = "nowhere.nii.gz"
    del listing["validation"]
    (tmp_path / "odd.json").write_text(json.dumps(listing))
    with pytest.raises(ConfigProblems) as caught:
        train(Request(root=mmar(config, DATASET_JSON=str(tmp_path / "odd.json"))))
    first, second = caught.value.problems
    assert f"1 files of the 2 cases in 'training' are missing: {volumes}/nowhere" in first.message
    assert second.path == ("validate", "dataset", "data_list_key")
    assert second.hint == "it has training"
    with pytest.raises(ConfigProblems) as caught:
        train(Request(root=mmar(config, DATASET_JSON=str(tmp_path / "none.json"))))
    assert caught.value.problems[0].message == "the data list does not exist"


def test_own_loss_that_fails_is_named(mmar, config):
    """A fault inside the user's own component, in the middle of the training."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "failing_loss.py").write_text(
        "class Loss:\n"
        "    def __init__(self, width=1): self.width = width\n"
        "    def __call__(self, pred, label): raise ArithmeticError('too narrow')\n"
    )
    config["train"]["loss"] = {"path": "failing_loss.Loss", "args": {"width": 3}}
    with pytest.raises(
        TrainingFailed,
        match=r"train\.loss: failing_loss\.Loss\(width=3\): ArithmeticError: too narrow",
    ):
        train(Request(root=mmar(config)))


def test_checkpoint_of_another_network_is_refused(mmar, config):
    """Weights that do not fit are said to, by the file's name."""
    train(Request(root=mmar(config)))
    config["train"]["model"]["args"]["channels"] = [4, 6]
    with pytest.raises(UnfitCheckpoint, match="is of another network"):
        evaluate_checkpoint(Request(root=mmar(config)))


def test_no_config_and_no_json(mmar, config):
    """A missing or broken file is a mistake of the user's, not a crash."""
    root = mmar(config)
    with pytest.raises(BadInput, match="cannot be read"):
        train(Request(root=root, config="config/none.json"))
    (root / "config" / "config_train.json").write_text('{"train": \n{,}')
    with pytest.raises(ConfigProblems):
        train(Request(root=root))


def test_interval_in_iterations_is_checked_too(mmar, config):
    """Iterations are counted once the data loader is there, still before the first of them."""
    handler = config["train"]["handlers"][2]["args"]
    handler.update(epoch_level=False, interval=3)
    with pytest.raises(BadInput, match="every 3 iterations never comes in 2"):
        train(Request(root=mmar(config)))
    handler.update(interval=2)
    assert train(Request(root=mmar(config))).value is not None


def test_validation_config_is_no_training_config(mmar, config):
    """A flat config validates; asked to train, it says what is missing."""
    flat = {**config["validate"], "model": config["train"]["model"]}
    for section in ("pre_transforms", "post_transforms"):
        flat[section] = config["train"][section][:3] if section == "pre_transforms" else []
    with pytest.raises(ConfigProblems) as caught:
        train(Request(root=mmar(flat)))
    assert "the config has no trainer" in {p.message for p in caught.value.problems}


def test_models_folder_that_cannot_be_written_is_the_machines_fault(mmar, config):
    """A file in the place of the folder: exit code 4, not a defect of ours."""
    root = mmar(config)
    (root / "models").write_text("a file")
    with pytest.raises(EnvironmentFault):
        train(Request(root=root, write_stats=True))


def test_loss_that_is_no_number_ends_the_training(mmar, config):
    """A few NaN in a row are a failure of a class of its own, not hours of a dead training."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "nan_loss.py").write_text(
        "class Loss:\n"
        "    calls = 0\n"
        "    def __call__(self, pred, label):\n"
        "        Loss.calls += 1\n"
        "        return pred.sum() * (float('nan') if Loss.calls > 2 else 0)\n"
    )
    config["train"]["loss"] = {"path": "nan_loss.Loss"}
    config["epochs"] = 50
    with pytest.raises(TrainingFailed) as caught:
        train(Request(root=mmar(config), write_stats=True))
    text = str(caught.value)
    assert text.startswith("train.loss: nan_loss.Loss(): the training loss is nan for 5 iterat")
    assert "(epoch 7, iteration 7)" in text
    stats = result.read_stats(MmarLayout(root)).raw
    assert (stats["fault"], stats["fault_class"]) == (text, "diverged")
    assert stats["best_validation_metric"] is not None


def test_a_loss_that_recovers_is_no_failure(mmar, config):
    """Mixed precision begins with a step or two that are skipped."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "odd_loss.py").write_text(
        "class Loss:\n"
        "    calls = 0\n"
        "    def __call__(self, pred, label):\n"
        "        Loss.calls += 1\n"
        "        return pred.sum() * 0 + (float('inf') if Loss.calls % 5 else 1)\n"
    )
    config["train"]["loss"] = {"path": "odd_loss.Loss"}
    config["epochs"] = 8
    train(Request(root=mmar(config), write_stats=True))


def test_memory_that_runs_out_is_said_to(mmar, config):
    """A real limit: the last line names the component and the cause, the file the class."""
    config["train"]["model"]["args"].update(channels=[2048, 4096], strides=[1])
    root = mmar(config)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "import torch, monai, ignite, monai.bundle, monai.handlers, monai.engines\n"
        "from mmar_automl.cli import main\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (now + 2**29, now + 2**29))\n"
        f"sys.argv = ['mmar-automl', 'train', '-m', {str(root)!r}, '--write_train_stats']\n"
        "main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    last = ran.stderr.strip().splitlines()[-1]
    assert ran.returncode in (1, 2), ran.stderr
    assert last.startswith("mmar-automl: train.model: UNet(")
    assert "can't allocate memory" in last
    assert result.read_stats(MmarLayout(root)).raw["fault_class"] == "out_of_memory"


def test_checkpoint_loader_of_another_network_names_its_place(mmar, config):
    """The handler that loads, its arguments, and what does not fit."""
    train(Request(root=mmar(config)))
    config["train"]["model"]["args"]["channels"] = [4, 6]
    config["dont_load_ckpt_model"] = False
    root = mmar(config)
    with pytest.raises(TrainingFailed) as caught:
        train(Request(root=root, write_stats=True))
    text = str(caught.value)
    assert text.startswith("train.handlers[0]: CheckpointLoader(load_path=")
    assert "size mismatch" in text
    assert result.read_stats(MmarLayout(root)).complaint == text
