"""`mmar-automl convert`: whole or not at all, and everything that it changed is told."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmar_automl.app.check import check
from mmar_automl.app.convert import convert
from mmar_automl.errors import format_path
from mmar_automl.search.parse import parse
from mmar_automl.trainer.vocabulary.config import is_three

MMARS = Path(__file__).parents[1] / "mmars"


@pytest.fixture
def spleen(tmp_path):
    """An MMAR of 3.x as one was shipped: its programs, a BYOC folder, TensorFlow's checkpoints."""
    root = tmp_path / "spleen"
    for folder in ("config", "commands", "models", "BYOC", "automl/old", "resources"):
        (root / folder).mkdir(parents=True)
    clara = MMARS / "clara" / "tensorflow" / "config"
    for name in ("trn_autoML_Enum", "trn_autoML_LR_LP", "config_automl", "environment"):
        text = (clara / f"{name}.json").read_text()
        (root / "config" / f"{name}.json").write_text(text)
    (root / "config" / "config_validation.json").write_text(
        json.dumps({"use_scanning_window": True, "pre_transforms": [], "val_metrics": []})
    )
    (root / "commands" / "train.sh").write_text(
        "python3 -u -m nvmidl.apps.train -m . --set use_amp=true num_training_epoch_per_valid=20\n"
    )
    (root / "models" / "model.ckpt.index").write_text("tf")
    (root / "BYOC" / "mine.py").write_text("x = 1\n")
    return root


def run(*words):
    return subprocess.run([sys.executable, "-m", "mmar_automl", "convert", *map(str, words)],
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip


def test_an_mmar_is_converted_whole(spleen, tmp_path):
    before = {p: p.read_bytes() for p in spleen.rglob("*") if p.is_file()}
    ran = run(spleen, tmp_path / "new", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    new = tmp_path / "new"
    assert {p: p.read_bytes() for p in spleen.rglob("*") if p.is_file()} == before
    for name in ("trn_autoML_Enum", "trn_autoML_LR_LP"):
        made = json.loads((new / "config" / f"{name}.json").read_text())
        assert made["CLARA_TRAIN_VERSION"] == "4.1.0"
        assert made["train"]["trainer"]["name"] == "SupervisedTrainer"
    assert not (new / "config" / "config_validation.json").exists()
    assert not (new / "automl").exists()
    assert list((new / "models").iterdir()) == []
    assert (new / "BYOC" / "mine.py").read_text() == "x = 1\n"
    script = (new / "commands" / "train.sh").read_text()
    assert script == "python3 -u -m medl.apps.train -m . --set amp=true num_interval_per_valid=20\n"
    assert (new / "commands" / "automl_train_round.sh").stat().st_mode & 0o111
    environment = json.loads((new / "config" / "environment.json").read_text())
    assert environment["MMAR_CKPT"] == "models/model.pt"
    lines = {(c["file"], c["where"], c["was"]): c for c in told["changes"]}
    enum = "config/trn_autoML_Enum.json"
    assert lines[enum, "train.lr_policy", "ReducePoly"]["is"] == "PolynomialLR"
    assert "weight decay" in lines[enum, "train.model", "SegResnet"]["differs"]
    searched = lines[enum, "train.lr_policy.search[0]", "search of ReducePoly.poly_power"]
    assert searched["is"] == "search of power at train.lr_scheduler"
    assert ("models/", "", "there") in lines
    assert ("config/config_validation.json", "", "a validation config of 3.x") in lines
    report = (new / "docs" / "conversion.md").read_text()
    assert all(change["is"] in report for change in told["changes"])


def test_what_was_converted_is_in_order(tmp_path):
    """NVIDIA's own configs and the seeds': `validate` finds nothing of 3.x left, nor a search lost,
    also where alternatives are enabled together until a search has chosen."""
    root, new = tmp_path / "all", tmp_path / "new"
    clara = MMARS / "clara" / "tensorflow" / "config"
    shutil.copytree(clara, root / "config")
    shutil.copytree(MMARS / "clara3" / "config", root / "config", dirs_exist_ok=True)
    shutil.copytree(MMARS / "clara3" / "custom", root / "custom")
    shutil.copytree(MMARS.parents[1] / "commands", root / "commands")
    (tmp_path / "list.json").write_text(json.dumps({"training": [], "validation": []}))
    environment = {"DATA_ROOT": str(tmp_path), "DATASET_JSON": str(tmp_path / "list.json")}
    (root / "config" / "environment.json").write_text(json.dumps(environment))
    files = sorted(p.name for p in (root / "config").glob("*_*.json") if "config_" not in p.name)
    assert len(files) == 14
    convert(root, new)
    for name in files:
        chosen = {"trainconf": name, "num_interval_per_valid": 1}
        found = check(new, chosen, data=False)
        assert [p for p in found.problems if "num_workers" not in format_path(p.path)] == []
        assert not is_three(found.mmar.train_config.data)
        before = parse(json.loads((root / "config" / name).read_text()))
        assert len(found.space) == len(before) > 0


def test_what_cannot_be_said_today_leaves_nothing_behind(spleen, tmp_path):
    file = spleen / "config" / "trn_autoML_Enum.json"
    file.write_text(file.read_text().replace('"LoadNifti"', '"LoadNiftii"', 1)
                    .replace('"ReducePoly"', '"ReducePolly"'))  # fmt: skip
    ran = run(spleen, tmp_path / "new")
    assert ran.returncode == 2
    assert "did you mean LoadNifti?" in ran.stderr
    assert "did you mean ReducePoly?" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spleen"]


def test_where_there_is_nothing_to_convert_or_no_room(spleen, tmp_path):
    for words, said in (
        ((spleen, spleen / "inside"), "lies inside the MMAR itself"),
        ((spleen, spleen), "is not empty"),
        (
            (Path(__file__).parents[2] / "sample_mmar", tmp_path / "n"),
            "no training config of Clara",
        ),
    ):
        ran = run(*words)
        assert ran.returncode == 2
        assert said in ran.stderr.replace("\n", " ")
        assert "Traceback" not in ran.stderr


def test_a_person_reads_tables(spleen, tmp_path):
    ran = run(spleen, tmp_path / "new")
    assert ran.returncode == 0
    assert "ReducePoly" in ran.stdout
    assert "conversion.md has them all" in ran.stdout
