"""`validate` on broken MMARs: one directory a fault, with what must be said beside it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.errors import format_path
from mmar_automl.mmar.source import read_json

MMARS = Path(__file__).parents[2] / "mmars"
FAULTS = sorted(folder.parent.name for folder in MMARS.glob("*/expected.txt"))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(
    fault: str,
    run: Callable[..., Any],
    copy_mmar: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit status, file, line, JSON path, value, message and mend are as expected.txt says."""
    root = copy_mmar(fault)
    monkeypatch.chdir(root)
    command, status, *lines = (root / "expected.txt").read_text().splitlines()
    words = [word.replace("{root}", ".") for word in command.split()]
    done = run(*words)
    told = squeezed(done.out)
    for line in lines:
        assert squeezed(line.replace("{root}", str(root))) in told
    assert f"exit {done.code}" == status
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_for_machines(
    fault: str, run: Callable[..., Any], copy_mmar: Callable[[str], Path]
) -> None:
    """`--json` has the same problems, and each line number is where the path stands."""
    root = copy_mmar(fault)
    command, status, *_ = (root / "expected.txt").read_text().splitlines()
    words = [word.replace("{root}", str(root)) for word in command.split()]
    done = run(*words, "--json")
    assert f"exit {done.code}" == status
    assert set(done.json) == {"problems"}
    for problem in done.json["problems"]:
        keys = {"severity", "file", "line", "path", "value", "message", "hint"}
        assert set(problem) == keys
        assert problem["severity"] in ("error", "warning")
        assert Path(problem["file"]).is_relative_to(root)
        if problem["path"] and problem["line"]:
            source = read_json(Path(problem["file"]))
            lines = {format_path(path): line for path, line in source.lines.items()}
            if problem["path"] in lines:
                assert problem["line"] == lines[problem["path"]]


def test_strict_turns_warnings_into_errors(
    run: Callable[..., Any], copy_mmar: Callable[[str], Path]
) -> None:
    """A warning is exit 0 without --strict, and 2 with it, also in JSON."""
    root = copy_mmar("targets_flat")
    assert run("validate", root).code == 0
    strict = run("validate", root, "--strict", "--json")
    assert strict.code == 2
    assert [problem["severity"] for problem in strict.json["problems"]] == ["error"]


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere", "no such directory"), ("file", "is a file"), (".", "has no folder config/")],
)
def test_no_mmar(path: str, said: str, run: Callable[..., Any], tmp_path: Path) -> None:
    """Exit 2 with a plain sentence, and JSON where JSON was asked for."""
    (tmp_path / "file").write_text("")
    done = run("validate", tmp_path / path)
    assert (done.code, said in done.err) == (2, True)
    done = run("validate", tmp_path / path, "--json")
    assert done.code == 2
    assert said in done.json["problems"][0]["message"]


def test_everything_at_once(run: Callable[..., Any], make: Callable[..., Path]) -> None:
    """Faults of all files come in one pass."""
    root = make(
        {"x": "a", "search": [{"domain": "net", "type": "float", "args": ["x"], "targets": [1]}]},
        files={
            "config/environment.json": {"DATA_ROOT": 3},
            "config/config_automl.json": {"controller": {"name": "Nobody"}},
            "commands/automl_train_round.sh": "#!/bin/bash\r\n",
        },
    )
    done = run("validate", root, "--json")
    files = {Path(problem["file"]).name for problem in done.json["problems"]}
    assert files == {
        "config_train.json",
        "environment.json",
        "config_automl.json",
        "automl_train_round.sh",
    }


@pytest.mark.parametrize(
    ("kind", "name", "args", "path", "message"),
    [
        ("controller", "RandomController", {"max_jobs": 0}, "max_jobs",
         "max_jobs is at least 1, got 0"),
        ("controller", "RandomController", {"max_rounds": 0}, "max_rounds",
         "max_rounds is at least 1, got 0"),
        ("controller", "AutoController", {"max_jobs": 0}, "max_jobs",
         "max_jobs is at least 1, got 0"),
        ("controller", "BayesianController", {"initial_design": 0}, "initial_design",
         "initial_design is at least 1, got 0"),
        ("controller", "ReinforcementController", {"enum": "joint"}, "enum",
         'enum: joint needs mode: critic; classic is "product"'),
        ("controller", "GridController", {"num": 1_000_000_000}, "num",
         "num is at most 10,000 levels of each range, got 1000000000"),
        ("controller", "GridController", {"num": 2, "initial_points": [{"epohcs": 3}]},
         "initial_points",
         "initial_points: point 1: 'epohcs' is no parameter, did you mean 'epochs'?"),
        ("controller", "TPEController", {"initial_points": [{"epochs": 7}]}, "initial_points",
         "initial_points: point 1: epochs = 7 is none of 2 choices: 3, 5"),
        ("pruner", "AshaPruner", {"eta": 1}, "eta", "eta is at least 2, got 1"),
        ("pruner", "AshaPruner", {"eta": "3"}, "eta", "eta must be int, got '3'"),
        ("handlers", "MMARHandler", {"num_mmars_to_keep": 0}, "num_mmars_to_keep",
         "num_mmars_to_keep is at least 1, got 0"),
    ],
)  # fmt: skip
def test_what_a_component_refuses_is_no_surprise_for_a_run(
    kind: str,
    name: str,
    args: dict[str, Any],
    path: str,
    message: str,
    run: Callable[..., Any],
    make: Callable[..., Path],
) -> None:
    """Values are checked by the component itself, at the argument that it blames."""
    body = {"name": name, "args": args}
    automl = {kind: [body] if kind == "handlers" else body}
    root = make(SEARCHED_EPOCHS, files={"config/config_automl.json": automl})
    done = run("validate", root, "--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    place = "handlers[0]" if kind == "handlers" else kind
    assert problem["path"] == f"{place}.args.{path}"
    assert problem["line"]
    assert problem["message"] == f"{name}: {message}"
    ran = run("run", root)
    assert ran.code == 2
    assert not (root / "automl").exists()


def test_points_are_left_alone_where_the_space_is_wrong(
    run: Callable[..., Any], make: Callable[..., Path]
) -> None:
    """The space has to be mended first; its own problem is told once."""
    body = {"name": "GridController", "args": {"initial_points": [{"depth": 3}]}}
    entry = {"domain": "net", "type": "enum", "args": ["epochs"], "targets": "x"}
    root = make(
        {"epochs": 3, "search": [entry]}, files={"config/config_automl.json": {"controller": body}}
    )
    done = run("validate", root, "--json")
    assert done.code == 2
    assert {Path(p["file"]).name for p in done.json["problems"]} == {"config_train.json"}


def test_a_users_own_class_is_not_built(
    run: Callable[..., Any], make: Callable[..., Path], tmp_path: Path
) -> None:
    """What it does when it is built is its own business, and for a run."""
    code = (
        "from pathlib import Path\n"
        "from mmar_automl.controllers.random import RandomController\n"
        "class Mine(RandomController):\n"
        "    def __init__(self, note):\n"
        "        Path(note).write_text('built')\n"
        "        super().__init__(max_jobs=0)\n"
    )
    note = tmp_path / "note"
    body = {"path": "validate_not_built.Mine", "args": {"note": str(note)}}
    files = {
        "config/config_automl.json": {"controller": body},
        "custom/validate_not_built.py": code,
    }
    assert run("validate", make(SEARCHED_EPOCHS, files=files)).code == 0
    assert not note.exists()


SEARCHED_EPOCHS = {
    "epochs": 3,
    "search": [{"domain": "net", "type": "enum", "args": ["epochs"], "targets": [[3], [5]]}],
}


@pytest.mark.parametrize(
    ("pruner", "args", "numbers", "told"),
    [
        ("AshaPruner", {"grace": 500}, {}, "with its grace of 500 it judges from epoch 500 on"),
        ("MedianPruner", {"grace": 29}, {}, "with its grace of 29 it judges from epoch 30 on"),
        ("AshaPruner", {}, {"num_interval_per_valid": 8}, "the 4th validation it judges from"),
        ("HyperbandPruner", {}, {"epochs": 8}, "from epoch 8 on, and a training has 8 epochs"),
        ("AshaPruner", {"grace": 28}, {}, ""),
        ("AshaPruner", {}, {"num_interval_per_valid": 7}, ""),
        ("AshaPruner", {}, {"num_interval_per_valid": "auto"}, ""),
    ],
)  # fmt: skip
def test_a_pruner_that_can_cut_nothing(
    pruner: str,
    args: dict[str, Any],
    numbers: dict[str, Any],
    told: str,
    run: Callable[..., Any],
    make: Callable[..., Path],
) -> None:
    """Is told of as a warning: a rung that no training comes to before its end is none."""
    entry = {"domain": "lr", "type": "float", "args": ["learning_rate"], "targets": [0.1, 0.2]}
    config = {"epochs": 30, "num_interval_per_valid": 2, "learning_rate": 0.1, "search": [entry]}
    files = {
        "config/config_automl.json": {"pruner": {"name": pruner, "args": args}},
        "commands/automl_train_round.sh": "#!/bin/bash\nmmar-automl train -m $MMAR_ROOT\n",
    }
    root = make(config | numbers, files=files)
    problems = run("validate", root, "--json").json["problems"]
    found = [p for p in problems if "cuts nothing" in p["message"]]
    assert [p["severity"] for p in found] == ["warning"] * bool(told)
    for problem in found:
        assert told in problem["message"]
        assert problem["path"] == ("pruner.args.grace" if args else "pruner")
        assert Path(problem["file"]).name == "config_automl.json"


def test_any_training_program(run: Callable[..., Any], make: Callable[..., Path]) -> None:
    """An MMAR without train and validate, searched at first level, is a whole search."""
    entry = {"domain": "net", "type": "enum", "args": ["depth"], "targets": [[3], [5]]}
    root = make({"depth": 3, "epochs": "auto", "train": [1], "search": [entry]})
    done = run("validate", root, "--strict")
    assert (done.code, done.err) == (0, "")
    assert "1 parameter, 0 warnings" in done.out


def test_schema_key_is_welcome(run: Callable[..., Any], copy_mmar: Callable[[str], Path]) -> None:
    """`$schema` in a config is for the editor alone."""
    root = copy_mmar("targets_flat")
    for name in ("config_train", "environment", "config_automl"):
        file = root / "config" / f"{name}.json"
        content = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({"$schema": f"./{name}.schema.json", **content}))
    assert run("validate", root).code == 0


def test_as_a_process(copy_mmar: Callable[[str], Path]) -> None:
    """The installed command says the same, on a pipe, without torch and without a traceback."""
    root = copy_mmar("alternatives_both_enabled")
    argv = [sys.executable, "-m", "mmar_automl", "validate", str(root), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"][0]["path"] == "search[0].targets[1]"
    assert done.stderr == ""


def test_files_are_only_read(run: Callable[..., Any], copy_mmar: Callable[[str], Path]) -> None:
    """Not a byte of the MMAR changes, and nothing is added."""
    root = copy_mmar("bom_and_windows_lines")

    def hashes() -> dict[str, str]:
        files = (file for file in root.rglob("*") if file.is_file())
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    before = hashes()
    run("validate", root)
    run("preview", root)
    assert hashes() == before
