"""`validate` knows the components: what is wrong with them is told before a job exists."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmar_automl.app import components
from mmar_automl.app.check import check
from mmar_automl.errors import format_path

COMMANDS = Path(__file__).parents[3] / "commands"
CLARA = Path(__file__).parents[2] / "mmars" / "clara"


@pytest.fixture
def checked(mmar):
    """The problems of a config as (severity, JSON path, message, hint)."""

    def check_it(config, **keywords):
        root = mmar(config)
        shutil.copytree(COMMANDS, root / "commands", dirs_exist_ok=True)
        found = check(root, **keywords)
        return [(p.severity, format_path(p.path), p.message, p.hint) for p in found.problems]

    return check_it


def test_the_sample_is_in_order(checked, config):
    """Lists of alternatives under a search are no mistake, and nothing else is."""
    assert checked(config) == []


def test_every_alternative_is_checked(checked, config):
    """Also the one that is disabled as the config stands, and the transform that a search may
    switch on."""
    config["train"]["loss"][1]["args"]["gama"] = 2
    config["train"]["pre_transforms"].insert(
        5,
        {
            "name": "RandZoomed",
            "disabled": True,
            "args": {"keys": "image"},
            "search": [{"domain": "transform", "type": "enum", "args": ["@disabled"],
                        "targets": [[True], [False]]}],
        },
    )  # fmt: skip
    found = checked(config)
    assert ("error", "train.loss[1].args.gama", "FocalLoss has no argument 'gama'",
            "did you mean 'gamma'?") in found  # fmt: skip
    ((path, hint),) = [(p, h) for _, p, _, h in found if "pre_transforms" in p]
    assert path == "train.pre_transforms[5].name"
    assert "RandZoomd" in hint
    assert len(found) == 2


def test_faults_of_every_kind_are_told_at_once(checked, config):
    """Unknown and missing arguments, names, references: each with its mend."""
    train = config["train"]
    train["optimizer"]["name"] = "Addam"
    train["model"]["args"].pop("out_channels")
    train["post_transforms"][1]["args"]["threshhold"] = 0.5
    train["handlers"].append({"name": "SegmentationSaver", "args": {}})
    train["pre_transforms"][0] = {"path": "nowhere.Load", "args": {}}
    config["validate"]["pre_transforms"][1]["ref"] = "EnsureChanelFirstd"
    train["trainer"]["args"]["inferer"] = "@infrer"
    found = {path: f"{message} | {hint}" for _, path, message, hint in checked(config)}
    assert "did you mean Adam" in found["train.optimizer.name"]
    assert "UNet needs the argument 'out_channels'" in found["train.model.args"]
    assert "did you mean 'threshold'" in found["train.post_transforms[1].args.threshhold"]
    assert "gone from MONAI | write SaveImaged" in found["train.handlers[4].name"]
    assert "no such class" in found["train.pre_transforms[0].path"]
    assert "did you mean 'EnsureChannelFirstd'" in found["validate.pre_transforms[1].ref"]
    assert "did you mean @inferer" in found["train.trainer.args.inferer"]


def test_old_words_are_a_visible_notice(checked, config):
    """SH-25: `dimensions` is translated, and validate says so; nothing has to be changed."""
    args = config["train"]["model"]["args"]
    args["dimensions"] = args.pop("spatial_dims")
    ((severity, _, message, _),) = checked(config)
    assert severity == "warning"
    assert "UNet: dimensions is now spatial_dims" in message


@pytest.mark.parametrize("file", sorted((CLARA / "pytorch" / "config").glob("trn_*")), ids=str)
def test_claras_configs_are_in_order(file, checked):
    """All five published AutoML configs, unmodified but for the epochs that never validated."""
    config = {**json.loads(file.read_text()), "epochs": 20}
    errors = [problem for problem in checked(config) if problem[0] == "error"]
    assert errors == []


def test_missing_files_of_the_data_list(mmar, config, volumes, tmp_path):
    """SH-24: counted and named with the places that were tried, in seconds, with exit status 2."""
    listing = json.loads((volumes / "list.json").read_text())
    listing["training"] += [{"image": f"gone_{n}.nii.gz", "label": "gone.nii.gz"} for n in "ab"]
    listing["validation"] = []
    (tmp_path / "odd.json").write_text(json.dumps(listing))
    root = mmar(config, DATASET_JSON=str(tmp_path / "odd.json"))
    shutil.copytree(COMMANDS, root / "commands")
    ran = subprocess.run(
        [sys.executable, "-m", "mmar_automl", "validate", str(root)],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "gone_a.nii.gz" in ran.stdout
    assert "validation" in ran.stdout
    assert str(volumes) in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("file", sorted((CLARA / "tensorflow" / "config").glob("trn_*")), ids=str)
def test_configs_of_the_generation_before_are_in_order(file, checked):
    """SH-26: Clara 3.x's own AutoML configs, unmodified but for the epochs that never validated."""
    config = {**json.loads(file.read_text()), "epochs": 20}
    errors = [problem for problem in checked(config) if problem[0] == "error"]
    if "AMP" in file.name:
        ((_, path, message, _),) = errors
        assert (path, message) == ("train.model.path", "there is no such class or function")
    else:
        assert errors == []


def test_anothers_training_is_anothers_business(checked, config, mmar):
    """A round script that calls another program: the sections may mean anything."""
    config["train"]["optimizer"]["name"] = "Addam"
    root = mmar(config)
    (root / "commands").mkdir()
    (root / "commands" / "automl_train_round.sh").write_text("#!/bin/bash\npython3 my_train.py\n")
    assert [p for p in check(root).problems if "optimizer" in format_path(p.path)] == []


def test_what_will_hurt_in_a_search_is_warned_of(checked, config, monkeypatch):
    """A cache that memory cannot hold, and more loader processes than cores."""
    config["train"]["dataloader"]["args"]["num_workers"] = 999
    monkeypatch.setattr(components, "total_memory", lambda: 50_000)
    found = {path: message for _, path, message, _ in checked(config)}
    assert "each job starts 999 loader processes" in found["train.dataloader.args.num_workers"]
    # Two cases of an image and a label, 16 voxels a side, four bytes each.
    assert "the cached cases take about" in found["train.dataset"]


def test_checking_components_needs_no_torch(mmar, config):
    """`validate` answers in a moment."""
    root = mmar(config)
    code = (
        "import sys; from pathlib import Path; from mmar_automl.app.check import check;"
        f"check(Path({str(root)!r}));"
        "print([m for m in ('torch', 'monai', 'ignite') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_direction_of_the_key_metric(checked, config):
    """`key_metric_direction` is a first-level value that is known, and has two words."""
    assert checked({**config, "key_metric_direction": "min"}) == []
    ((severity, path, _, _),) = checked({**config, "key_metric_direction": "down"})
    assert (severity, path) == ("error", "key_metric_direction")


def test_a_misspelt_argument_that_is_handed_on(checked, config):
    """CropForegroundd takes any argument, for the padding; a near miss is still told."""
    crop = {"keys": ["image", "label"], "source_key": "image", "k_divisble": 8}
    config["train"]["pre_transforms"].insert(2, {"name": "CropForegroundd", "args": crop})
    ((severity, path, _, hint),) = checked(config)
    assert (severity, path) == ("warning", "train.pre_transforms[2].args.k_divisble")
    assert hint == "did you mean 'k_divisible'?"


def test_the_last_of_many_switches_is_reached(checked, config):
    """However many components a search switches, none is left unlooked at."""
    search = [{"domain": "transform", "type": "enum", "args": ["@disabled"],
               "targets": [[True], [False]]}]  # fmt: skip
    for number in range(60):
        flip = {"keys": "image", "prob": 0.5}
        name = f"RandFlipd#{number}"
        config["train"]["pre_transforms"].append({"name": name, "args": flip, "search": search})
    config["train"]["pre_transforms"][-1]["args"] = {"keys": "image", "probb": 0.5}
    ((_, path, message, _),) = checked(config)
    assert path == "train.pre_transforms[65].args.probb"
    assert message == "RandFlipd has no argument 'probb'"
