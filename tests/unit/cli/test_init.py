"""`init`: a new MMAR, whole or not at all, that can be searched as it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MMAR_AUTOML

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "mmar_automl/app/templates/mmar"
Run = Callable[..., Any]


def files(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MMAR in a folder with a space in its name."""
    root = tmp_path_factory.mktemp("init") / "deep" / "my mmar"
    subprocess.run([*MMAR_AUTOML, "init", str(root)], check=True, capture_output=True, timeout=60)
    return root


def test_a_new_mmar_is_valid(made: Path, run: Run) -> None:
    """Without an error or a warning, its data in place."""
    done = run("validate", made, "--json", "--strict")
    assert done.code == 0
    assert done.json == {"problems": []}
    assert all(os.access(script, os.X_OK) for script in (made / "commands").glob("*.sh"))
    assert {path.name for path in made.iterdir()} >= {"config", "commands", "custom", "models"}
    assert os.listdir(made.parent) == [made.name]


def test_a_new_mmar_names_the_default_controller(made: Path, run: Run) -> None:
    """What a config without one has too, with a budget that a first search can afford."""
    config = json.loads((made / "config/config_automl.json").read_text())
    name = config.pop("controller")["name"]
    said = run("preview", made, "-n", "0").out
    assert f"{name}: " in said
    assert "6 jobs at most" in said
    (made / "config/none.json").write_text(json.dumps(config))
    assert f"{name}: " in run("preview", made, "-n", "0", "--automlconf", "none.json").out


@pytest.mark.slow
def test_a_new_mmar_finds_something(tmp_path: Path) -> None:
    """What its README says, done from top to bottom: six jobs, and they differ."""
    root = tmp_path / "new"
    subprocess.run([*MMAR_AUTOML, "init", str(root)], check=True, capture_output=True, timeout=60)
    commands = (root / "README.md").read_text().split("```bash\n")[1].split("```")[0]
    assert "mmar-automl run ." in commands
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": here}
    words = ["bash", "-euc", commands]
    subprocess.run(words, check=True, capture_output=True, timeout=600, cwd=root, env=environment)
    told = subprocess.run(
        [*MMAR_AUTOML, "report", str(root), "--json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    jobs = json.loads(told.stdout)["jobs"]
    assert [job["state"] for job in jobs] == ["finished"] * 6
    assert jobs[0]["score"] > jobs[-1]["score"] + 0.05


def test_the_scripts_are_the_projects(made: Path) -> None:
    """A mend in commands/ reaches new MMARs."""
    for script in (ROOT / "commands").glob("*.sh"):
        assert (TEMPLATE / "commands" / script.name).read_bytes() == script.read_bytes()


def test_a_folder_with_files_is_refused_or_completed(tmp_path: Path, run: Run) -> None:
    """`--force` adds what is missing and overwrites nothing."""
    root = tmp_path / "mine"
    (root / "config").mkdir(parents=True)
    (root / "README.md").write_text("mine")
    (root / "config/environment.json").write_text("{}")
    before = files(root)
    done = run("init", root)
    assert (done.code, files(root)) == (2, before)
    assert "is not empty: README.md, config" in done.err
    assert "--force" in done.err
    done = run("init", root, "--force")
    assert done.code == 0
    assert "2 files were there and stay as they are" in done.err
    after = files(root)
    assert before.items() <= after.items()
    assert "config/config_train.json" in after


def test_an_empty_folder_is_filled_in_place(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`init .`: the shell that stands in it still stands in it."""
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino
    assert run("init", ".").code == 0
    assert tmp_path.stat().st_ino == inode
    assert Path("config/config_train.json").is_file()
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_what_forbids_a_file_leaves_nothing(tmp_path: Path, run: Run) -> None:
    """A file in the place of a folder: what was moved in is taken out again."""
    (tmp_path / "mmar").mkdir()
    (tmp_path / "mmar/docs").write_text("a file")
    done = run("init", tmp_path / "mmar", "--force")
    assert done.code == 2
    assert "docs is a file" in done.err
    assert os.listdir(tmp_path / "mmar") == ["docs"]
    assert run("init", tmp_path / "mmar/docs").code == 2
    assert run("init", tmp_path / "mmar/docs/below").code == 4


def test_your_own_data_take_the_place_of_synthetic_ones(tmp_path: Path, run: Run) -> None:
    """The paths go into environment.json; what is wrong with the list, validate says."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a", "b"):
        (data / f"{name}.nii.gz").touch()
    listed = {"training": [{"image": "a.nii.gz", "label": "b.nii.gz"}]}
    listed["validation"] = listed["training"]
    told = {"labels": {"0": "rest", "1": "liver", "2": "tumour"}, "modality": {"0": "A", "1": "B"}}
    (data / "list.json").write_text(json.dumps({**listed, **told}))
    root = tmp_path / "mmar"
    done = run("init", root, "--data-list", data / "list.json")
    assert done.code == 0
    assert "with 3 classes and 2 channels, as the data list says" in done.out
    assert not (root / "data").exists()
    assert not (root / "commands/make_synthetic_data.py").exists()
    environment = json.loads((root / "config/environment.json").read_text())
    assert environment["DATASET_JSON"] == str(data / "list.json")
    assert environment["DATA_ROOT"] == str(data)
    assert run("validate", root, "--strict").code == 0
    config = json.loads((root / "config/config_train.json").read_text())
    model = config["train"]["model"]["args"]
    assert (model["in_channels"], model["out_channels"]) == (2, 3)
    validation = json.loads((root / "config/config_validation.json").read_text())
    for steps in (config["train"]["post_transforms"], validation["post_transforms"]):
        assert steps[1]["args"]["to_onehot"] == 3
    (data / "list.json").write_text("no JSON")
    assert run("init", tmp_path / "y", "--data-list", data / "list.json").code == 0
    assert run("validate", tmp_path / "y").code == 2
    done = run("init", tmp_path / "x", "--data-list", tmp_path / "none.json")
    assert (done.code, (tmp_path / "x").exists()) == (2, False)
    assert run("init", tmp_path / "x", "--data-root", data).code == 2


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """Whenever it comes, there is a whole MMAR or none, and no scrap beside it."""
    for wait in (0.15, 0.3, 0.45):
        process = subprocess.Popen(
            [*MMAR_AUTOML, "init", str(tmp_path / "mmar")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait(timeout=20)
        there = os.listdir(tmp_path)
        assert there in ([], ["mmar"])
        if there:
            assert status == 0
            assert (tmp_path / "mmar/data/dataset.json").is_file()
            break
        assert status != 0
