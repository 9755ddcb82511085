"""`new`: a component that works as it is written, in a search of real processes."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MadeMmar, MakeMmar, choices, searching

MMARS = Path(__file__).parents[2] / "mmars"
FLOAT = {"args": ["score"], "type": "float", "domain": "lr", "targets": [0.0, 1.0]}
CONFIG = {"search": [FLOAT, choices("other", ["a", "b"])]}


def new(mmar: MadeMmar, kind: str, name: str, *words: str) -> str:
    done = mmar.run("new", kind, name, "{root}", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_controller_searches(make_mmar: MakeMmar) -> None:
    """It keeps the budget of the one that it replaces, and gets better as it learns."""
    mmar = make_mmar(CONFIG, controller={"name": "RandomController", "args": {"max_rounds": 12}})
    said = new(mmar, "controller", "MySearch")
    assert 'in place of {"name": "RandomController"' in said
    entry = mmar.read("config/config_automl.json")["controller"]
    assert entry == {"path": "my_search.MySearch", "args": {"max_jobs": 12, "seed": 0}}
    assert mmar.run("validate", "{root}", "--strict", "--no-data-check").returncode == 0
    done = mmar.search()
    assert done.returncode == 0, done.stderr
    assert "MySearch: 12 jobs at most, seed 0" in done.stdout
    assert len(mmar.report()["jobs"]) == 12
    assert "the best is now" in (mmar.root / "automl/run_a/trace.log").read_text()
    done = mmar.search("--resume", "--max-jobs", "14", workers="cpu")
    assert done.returncode == 0, done.stderr
    assert len(mmar.report()["jobs"]) == 14


def test_a_new_handler_hears_the_search(make_mmar: MakeMmar) -> None:
    """It stands after those that are there, and tells of each job that is the best so far."""
    mmar = make_mmar(searching(score=[0.2, 0.1, 0.9]))
    new(mmar, "handler", "BestSoFar")
    handlers = mmar.read("config/config_automl.json")["handlers"]
    assert [next(iter(handler.values())) for handler in handlers] == [
        *("MMARHandler", "StatsHandler", "MMARStatsHandler"),
        "best_so_far.BestSoFar",
    ]
    done = mmar.search(workers="cpu")
    assert (done.returncode, done.stderr) == (0, "")
    assert "BestSoFar: W1_3_J3 is the best so far" in done.stdout
    rows = list(csv.reader((mmar.root / "automl/run_a/best_so_far.csv").read_text().splitlines()))
    assert [row[:2] for row in rows] == [["W1_1_J1", "0.2"], ["W1_3_J3", "0.9"]]


def test_a_new_executor_runs_the_jobs(make_mmar: MakeMmar) -> None:
    """Wholly in the place of ours: no round script, a process and a log for each job."""
    mmar = make_mmar(CONFIG, controller={"name": "RandomController", "args": {"max_rounds": 3}})
    new(mmar, "executor", "MyJobs")
    shutil.rmtree(mmar.root / "commands")
    assert mmar.run("validate", "{root}", "--strict").returncode == 0
    done = mmar.search()
    assert done.returncode == 0, done.stderr
    for job in mmar.report()["jobs"]:
        assert job["state"] == "finished"
        assert job["score"] == pytest.approx(-(job["parameters"]["score"] ** 2))
        assert "made up" in (mmar.job(job["name"]) / "log.txt").read_text()


SLOW = """import json, os, sys, time
root = sys.argv[1]
score = json.load(open(root + "/config/config_train.json"))["score"]
for epoch in range(1, 41):
    with open(root + "/models/progress.jsonl", "a") as file:
        file.write(json.dumps({"epoch": epoch, "metric": score, "seconds": epoch * 0.05}) + "\\n")
    with open(root + "/stats.new", "w") as file:
        json.dump({"best_validation_metric": score}, file)
    os.replace(root + "/stats.new", root + "/models/train_stats.json")
    time.sleep(0.05)
"""


def test_a_new_pruner_ends_what_is_hopeless(make_mmar: MakeMmar) -> None:
    """The second job is far behind the first and does not come to its end."""
    mmar = make_mmar(searching(score=[0.9, 0.1]))
    (mmar.root / "custom/stand_in.py").write_text(SLOW)
    new(mmar, "pruner", "MyCut")
    assert mmar.read("config/config_automl.json")["pruner"] == {"path": "my_cut.MyCut"}
    assert mmar.run("validate", "{root}", "--strict").returncode == 0
    done = mmar.search(workers="cpu")
    assert done.returncode == 0, done.stderr
    assert "MyCut: stops what is 0.2 behind" in done.stdout
    jobs = {job["name"]: job for job in mmar.report()["jobs"]}
    assert jobs["W1_1_J1"]["state"] == "finished"
    assert jobs["W1_2_J2"]["state"] == "pruned"
    assert "where the best had 0.9" in jobs["W1_2_J2"]["message"]
    epochs = (mmar.job("W1_2_J2") / "models/progress.jsonl").read_text().count("\n")
    assert 4 <= epochs < 40


@pytest.mark.parametrize(
    ("body", "state", "message"),
    [
        ("    raise RuntimeError('no such thing')", "failed", "ended with 1"),
        ("    return float('nan')", "finished_no_score", ""),
    ],
)
def test_what_goes_wrong_in_a_new_executor(
    make_mmar: MakeMmar, body: str, state: str, message: str
) -> None:
    """Is the job's, with its log's end."""
    mmar = make_mmar(searching(score=[0.5]))
    new(mmar, "executor", "MyJobs")
    edit_evaluate(mmar, body)
    done = mmar.search(workers="cpu")
    assert done.returncode == 3
    job = mmar.report()["jobs"][0]
    assert job["state"] == state
    assert message in job["message"]


def test_ctrl_c_reaches_the_jobs_of_a_new_executor(make_mmar: MakeMmar) -> None:
    """At once, and the search is over."""
    mmar = make_mmar(searching(score=[0.5, 0.6]))
    new(mmar, "executor", "MyJobs")
    edit_evaluate(mmar, "    import time\n    time.sleep(600)\n    return 0.0")
    search = mmar.start("run", str(mmar.root), "--no-mlflow", "--workers", "cpu:cpu")
    deadline = time.monotonic() + 20
    while len(list(mmar.root.glob("automl/run_a/*/log.txt"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    search.send_signal(signal.SIGINT)
    assert search.wait(timeout=20) == 130
    assert {job["state"] for job in mmar.report()["jobs"]} == {"interrupted"}


def edit_evaluate(mmar: MadeMmar, body: str) -> None:
    file = mmar.root / "custom/my_jobs.py"
    text = file.read_text()
    last = "    return -sum(float(number) ** 2 for number in numbers)"
    assert last in text
    file.write_text(text.replace(last, body))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_search", "for instance MySearch"),
        ("my-search", "for instance MySearch"),
        ("2nd", "for instance Nd"),
        ("class", "cannot be the name"),
        ("Controller", "something else in Python"),
        ("Recommendation", "something else in Python"),
        ("ValueError", "something else in Python"),
        ("Random", "there is a Python module called 'random'"),
        ("Torch", "there is a Python module called 'torch'"),
        ("StandIn", "stand_in.py exists"),
    ],
)
def test_a_name_that_would_not_work_is_refused(
    make_mmar: MakeMmar, name: str, said: str, run: Callable[..., object]
) -> None:
    """With what to take instead; nothing is written."""
    mmar = make_mmar(CONFIG)
    before = tree(mmar.root)
    done = run("new", "controller", name, mmar.root)
    assert done.code == 2
    assert said in done.err
    assert tree(mmar.root) == before


def test_what_cannot_be_wired_is_not_written(
    make_mmar: MakeMmar, run: Callable[..., object]
) -> None:
    """A config that is no JSON, or has no place for it; `--no-config` writes the file alone."""
    mmar = make_mmar(CONFIG)
    done = run("new", "transform", "MyStep", mmar.root)
    assert (done.code, "no list train.pre_transforms" in done.err) == (2, True)
    assert not (mmar.root / "custom/my_step.py").exists()
    (mmar.root / "config/config_automl.json").write_text('{"controller": ')
    done = run("new", "handler", "MyEar", mmar.root)
    assert (done.code, "config_automl.json:1" in done.err) == (2, True)
    assert not (mmar.root / "custom/my_ear.py").exists()
    done = run("new", "handler", "MyEar", mmar.root, "--no-config")
    assert done.code == 0
    assert (mmar.root / "custom/my_ear.py").exists()
    assert run("new", "handler", "MyEar", mmar.root, "--no-config").code == 2


@pytest.mark.parametrize("kind", ["controller", "handler", "executor", "pruner", "transform"])
@pytest.mark.parametrize("fault", sorted(path.name for path in MMARS.iterdir() if path.is_dir()))
def test_a_broken_mmar_gets_the_component_or_a_reason(
    kind: str, fault: str, tmp_path: Path, run: Callable[..., object]
) -> None:
    """Of the config nothing else changes; what cannot be done leaves everything as it was."""
    root = tmp_path / "mmar"
    shutil.copytree(MMARS / fault, root)
    before = tree(root)
    done = run("new", kind, "MyOwn", root)
    after = tree(root)
    changed = {Path(file).name for file, text in after.items() if before.get(file) != text}
    if done.code == 0:
        config = "config_train.json" if kind == "transform" else "config_automl.json"
        assert changed == {"my_own.py", config}
        for file in root.glob(f"config/{config}"):
            old = before.get(str(file), b"{}").decode("utf-8-sig")
            new = json.loads(file.read_bytes().decode("utf-8-sig"))
            assert str(new).count("my_own.MyOwn") == 1
            if kind == "handler" and old != "{}":
                assert new["handlers"][:-1] == json.loads(old).get("handlers", [])
    else:
        assert (done.code, changed) == (2, set())
        assert "Traceback" not in done.err


def test_a_transform_works_on_the_key_that_the_others_work_on(
    make_mmar: MakeMmar, run: Callable[..., object]
) -> None:
    """`img` where the config calls it so."""
    step = {"name": "LoadImaged", "args": {"keys": ["img", "seg"]}}
    mmar = make_mmar({**CONFIG, "train": {"pre_transforms": [step]}})
    assert run("new", "transform", "MyStep", mmar.root).code == 0
    steps = mmar.read("config/config_train.json")["train"]["pre_transforms"]
    assert steps == [
        step,
        {"path": "my_step.MyStep", "args": {"keys": ["img"], "prob": 0.3}},
    ]


def test_an_mmar_without_a_config_automl_gets_one(
    make_mmar: MakeMmar, run: Callable[..., object]
) -> None:
    """With the defaults that it had without."""
    mmar = make_mmar(searching(score=[0.5]))
    (mmar.root / "config/config_automl.json").unlink()
    assert run("new", "handler", "MyEar", mmar.root).code == 0
    config = mmar.read("config/config_automl.json")
    assert [handler.get("name") for handler in config["handlers"]] == [
        *("MMARHandler", "StatsHandler", "MMARStatsHandler", None)
    ]
    assert config["controller"] == {"name": "AutoController"}


def tree(root: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_json_stays_as_it_was_written(make_mmar: MakeMmar, run: Callable[..., object]) -> None:
    """Down to the spaces: only lines are added."""
    mmar = make_mmar(CONFIG)
    file = mmar.root / "config/config_automl.json"
    text = (
        '{ "__note" : "mine",\n\t"handlers": [\n\t\t{"name":"StatsHandler"}\n\t],\n'
        '\t"controller":{"name":"GridController"}}'
    )
    file.write_text(text)
    assert run("new", "handler", "MyEar", mmar.root).code == 0
    assert file.read_text() == text.replace(
        '"StatsHandler"}', '"StatsHandler"},\n\t\t{\n\t\t\t"path": "my_ear.MyEar"\n\t\t}'
    )
    assert json.loads(file.read_text())["handlers"][1] == {"path": "my_ear.MyEar"}
