"""What plug-ins, scripts and readers do to a search: it ends as it should, and nobody is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching
from tests.integration.test_search import alive_in, wait_for

HEAD = (
    "import sys\n"
    "from mmar_automl.api import Controller, Executor, Handler\n"
    "from mmar_automl.defs import Recommendation, Score, SearchResult\n"
    "class Base(Controller):\n"
    "    def set_search_space(self, space, ctx): self.space = space\n"
    "    def refine_recommendation(self, outcome, ctx): return []\n"
    "    def rec(self, number, index):\n"
    "        key = next(iter(self.space.targets))\n"
    "        return Recommendation(number, SearchResult(self.space, {key: index}))\n"
    "class Run(Executor):\n"
    "    def determine_search_space(self, ctx):\n"
    "        from mmar_automl.search import parse\n"
    "        return parse(ctx.get_prop('_mmar').train_config.data)\n"
    "    def abort(self, ctx): pass\n"
)


def with_plugin(mmar: MadeMmar, source: str, **components: object) -> MadeMmar:
    (mmar.root / "custom/mine.py").write_text(HEAD + source)
    automl = mmar.read("config/config_automl.json")
    automl.update(components)
    mmar.write("config/config_automl.json", automl)
    return mmar


def test_a_reader_that_leaves_does_not_end_the_search(make_mmar: MakeMmar) -> None:
    """`run … | head -2`: the search goes on in silence, with its own exit status."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3], seconds=[0.3]))
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    assert search.stdout is not None
    search.stdout.readline()
    search.stdout.close()
    assert search.wait(timeout=30) == 0
    assert len(mmar.report()["jobs"]) == 3


@pytest.mark.parametrize(
    ("event", "handlers"), [("start_job", 1), ("end_job", 1), ("recommendations_available", 1)]
)
def test_a_handler_that_exits_costs_nobody_anything(
    make_mmar: MakeMmar, event: str, handlers: int
) -> None:
    """sys.exit in a plug-in is its error, not our end."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    with_plugin(
        mmar,
        f"class Leaves(Handler):\n    def {event}(self, ctx): sys.exit(0)\n",
        handlers=[{"path": "mine.Leaves"}],
    )
    done = mmar.search(timeout=30)
    assert done.returncode == 0, done.stderr
    assert f"Leaves raised in {event}: SystemExit" in done.stderr
    assert len(mmar.report()["jobs"]) == 2


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("sys.exit(0)", "failed"),
        ("return 10 ** 400", "finished_no_score"),
        ("return float('nan')", "finished_no_score"),
        ("return Score(value=float('inf'))", "finished_no_score"),
        ("return True", "finished_no_score"),
    ],
)
def test_whatever_an_executor_returns_the_job_ends(
    make_mmar: MakeMmar, body: str, state: str
) -> None:
    """A score is a finite number or nothing."""
    mmar = make_mmar(searching(score=[0.1]))
    with_plugin(
        mmar,
        f"class Mine(Run):\n    def execute(self, recommendation, ctx): {body}\n",
        executor={"path": "mine.Mine"},
    )
    done = mmar.search(timeout=30)
    assert done.returncode == 3, done.stderr
    assert [job["state"] for job in mmar.report()["jobs"]] == [state]


def test_numbers_of_numpy_are_numbers(make_mmar: MakeMmar) -> None:
    """As scores, as indices and as ids."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    with_plugin(
        mmar,
        "import numpy as np\n"
        "class Np(Base):\n"
        "    def initial_recommendation(self, ctx):\n"
        "        return [self.rec(np.int64(1), np.int64(1))]\n"
        "class Mine(Run):\n"
        "    def execute(self, recommendation, ctx): return np.float32(0.5)\n",
        executor={"path": "mine.Mine"},
        controller={"path": "mine.Np"},
    )
    done = mmar.search(timeout=30)
    assert done.returncode == 0, done.stderr
    (job,) = mmar.report()["jobs"]
    assert (job["score"], job["parameters"]) == (0.5, {"score": 0.2})


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("(self.rec(n, n - 1) for n in (1, 2))", ""),
        ("None", ""),
        ("[self.rec(1, 0), self.rec(1, 1)]", "used the recommendation id 1 twice"),
        ("[self.rec(1, 7)]", "there is no choice 7 of 2"),
        ("['no']", "which is no Recommendation"),
        ("[Recommendation(1, SearchResult(self.space, {'x': 1}))]", "'x', which is no parameter"),
        ("1 / 0", "raised ZeroDivisionError"),
        ("sys.exit(0)", "raised SystemExit"),
    ],
)
def test_whatever_a_controller_returns_it_is_told_by_name(
    make_mmar: MakeMmar, made: str, said: str
) -> None:
    """Nothing invalid is run, nothing hangs, and the exit status is not that of success."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    with_plugin(
        mmar,
        f"class Odd(Base):\n    def initial_recommendation(self, ctx): return {made}\n",
        controller={"path": "mine.Odd"},
    )
    done = mmar.search(timeout=30)
    assert "Traceback" not in done.stderr
    if said:
        assert done.returncode == 1
        assert said in done.stderr
    else:
        assert done.returncode == (0 if made != "None" else 3)
        assert len(mmar.report()["jobs"]) == (2 if made != "None" else 0)
        assert ("proposed nothing" in done.stdout) == (made == "None")
        assert ("the controller proposed nothing" in done.stderr) == (made == "None")


def test_what_a_controller_says_wrong_in_mid_search_saves_what_runs(make_mmar: MakeMmar) -> None:
    """The job that runs beside it finishes and is reported; the third is never run."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3], seconds=[0.5]))
    with_plugin(
        mmar,
        "class Late(Base):\n"
        "    def initial_recommendation(self, ctx): return [self.rec(1, 0), self.rec(2, 1)]\n"
        "    def refine_recommendation(self, outcome, ctx): return [self.rec(3, 9)]\n",
        controller={"path": "mine.Late"},
    )
    done = mmar.search("--workers", "cpu:cpu", timeout=30)
    assert done.returncode == 1
    assert "there is no choice 9 of 3" in done.stderr
    assert [job["state"] for job in mmar.report()["jobs"]] == ["finished", "finished"]


def test_a_controller_that_floods_is_told_so_and_the_queue_stays_bounded(
    make_mmar: MakeMmar,
) -> None:
    """Six hundred recommendations for each job that ends: a thousand wait, no more."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    with_plugin(
        mmar,
        "class Flood(Base):\n"
        "    n = 1\n"
        "    def initial_recommendation(self, ctx): return [self.rec(1, 0)]\n"
        "    def refine_recommendation(self, outcome, ctx):\n"
        "        first, Flood.n = Flood.n + 1, Flood.n + 600\n"
        "        if first > 6000: ctx.stop_work(self, 'enough')\n"
        "        return [self.rec(n, n % 2) for n in range(first, first + 600)]\n"
        "class Mine(Run):\n"
        "    def execute(self, recommendation, ctx): return 0.5\n",
        controller={"path": "mine.Flood"},
        executor={"path": "mine.Mine"},
    )
    done = mmar.search(timeout=60)
    assert "Flood proposes faster than jobs end" in done.stderr
    lines = (mmar.root / "automl/run_a/journal.jsonl").read_text().splitlines()
    proposed = sum(len(json.loads(line).get("proposals", ())) for line in lines)
    # The answer that comes with the stop is dropped whole, and counted.
    assert 1000 <= proposed < 1700


def test_a_scheduler_may_wait_but_not_for_ever(make_mmar: MakeMmar) -> None:
    """None is asked again after the next event; with nothing running it ends the search."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3], seconds=[0.2]))
    source = (
        "class OneAtATime:\n"
        "    running = 0\n"
        "    def pick(self, queue, idle):\n"
        "        return (queue[0], idle[0]) if len(idle) == 2 else None\n"
        "class Never:\n    def pick(self, queue, idle): return None\n"
    )
    with_plugin(mmar, source, scheduler={"path": "mine.OneAtATime"})
    assert mmar.search(timeout=30).returncode == 0
    assert len(mmar.report()["jobs"]) == 3
    with_plugin(mmar, source, scheduler={"path": "mine.Never"})
    done = mmar.search(timeout=30)
    assert done.returncode == 1
    assert "Never chose nothing for an idle worker" in done.stderr


@pytest.mark.parametrize(
    "script",
    [
        'rm -rf "$MMAR_ROOT"',
        'mkfifo "$MMAR_ROOT/models/train_stats.json"',
        'ln -s "$MMAR_ROOT" "$MMAR_ROOT/models/loop"; ln -s x "$MMAR_ROOT/x"',
        'printf "%.0s[" {1..100000} > "$MMAR_ROOT/models/train_stats.json"',
        'chmod 000 "$MMAR_ROOT/models"',
    ],
)
def test_a_script_may_do_what_it_likes_with_its_folder(make_mmar: MakeMmar, script: str) -> None:
    """The job has no score, with a reason in words; the next one is run."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    (mmar.root / "commands/automl_train_round.sh").write_text(script)
    done = mmar.search(workers="cpu", timeout=40)
    assert done.returncode == 3, done.stderr
    report = mmar.report()
    assert [job["state"] for job in report["jobs"]] == ["finished_no_score"] * 2
    assert "Traceback" not in done.stdout + done.stderr


def test_three_quick_signals_leave_nobody(make_mmar: MakeMmar) -> None:
    """The third does not outrun the kill."""
    mmar = make_mmar(searching(behaviour=["ignore_sigterm"], score=[0.1, 0.2]))
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu:cpu")
    wait_for(lambda: len(list(mmar.root.glob("automl/run_a/W*/seen.json"))) == 2)
    time.sleep(0.2)
    for pause in (0.3, 0.02, 0.0):
        os.kill(search.pid, signal.SIGINT)
        time.sleep(pause)
    search.communicate(timeout=30)
    assert search.returncode == 130
    assert alive_in(mmar.root) == []


def test_a_work_dir_of_another_config_is_found_again(make_mmar: MakeMmar) -> None:
    """The end of a search reports from where it ran; variables in work_dir are filled in."""
    mmar = make_mmar(searching(score=[0.1]))
    automl = mmar.read("config/config_automl.json")
    automl["handlers"] = [{"name": "MMARHandler", "args": {"work_dir": "{place}/runs"}}]
    mmar.write("config/config_automl_B.json", automl)
    words = ("--automlconf", "config_automl_B.json", "--set", f"place={mmar.root}/far")
    done = mmar.search(*words)
    assert done.returncode == 0, done.stderr
    assert (mmar.root / "far/runs/run_a/W1_1_J1").is_dir()
    assert "* best: W1_1_J1" in done.stdout


@pytest.mark.parametrize(
    ("component", "said"),
    [
        ({"controller": {"name": "GridController", "disabled": True}}, "this one is disabled"),
        ({"controller": {"name": "RandomController", "args": {"max_rounds": "ten"}}}, "'ten'"),
        ({"controller": {"name": "RandomController", "args": {"max_rounds": 2.5}}}, "2.5"),
        ({"controller": {"name": "RandomController", "args": {"max_rounds": True}}}, "True"),
        ({"handlers": [{"name": "MMARHandler", "args": {"stop_threshold": "high"}}]}, "'high'"),
        ({"handlers": [{"name": "MMARHandler", "args": {"num_mmars_to_keep": 1.5}}]}, "1.5"),
        ({"executor": {"name": "MMARExecutor", "args": {"launcher": "x"}}}, "'launcher'"),
        ({"scheduler": {"path": "collections.OrderedDict"}}, "no method pick"),
    ],
)
def test_components_are_checked_before_anything_starts(
    make_mmar: MakeMmar, component: dict, said: str
) -> None:
    """By `validate` and by `run`, with the JSON path."""
    mmar = make_mmar(searching(score=[0.1]))
    automl = mmar.read("config/config_automl.json")
    automl.update(component)
    mmar.write("config/config_automl.json", automl)
    for done in (mmar.run("validate", "{root}"), mmar.search()):
        assert done.returncode == 2
        told = done.stdout + done.stderr
        assert said in told
        assert "config_automl.json:" in told
        assert next(iter(component)) in told
    assert list(mmar.root.glob("automl/*")) == []


@pytest.mark.parametrize("run_id", ["mlflow.db", "mlartifacts", ".hidden", "", "中" * 100, "a\nb"])
def test_names_that_cannot_be_run_ids(make_mmar: MakeMmar, run_id: str) -> None:
    """Exit status 2, and nothing is made."""
    mmar = make_mmar(searching(score=[0.1]))
    done = mmar.search("--run-id", run_id)
    assert done.returncode == 2
    assert "cannot be a run id" in done.stderr
    assert list(mmar.root.glob("automl/*")) == []


def test_texts_are_shown_as_they_are(make_mmar: MakeMmar) -> None:
    """No emoji, no markup, no control characters."""
    mmar = make_mmar(searching(score=[0.1], word=[":100:", "[red]x[/red]"]))
    done = mmar.search("--run-id", "a:x:b", workers="cpu")
    assert done.returncode == 0, done.stderr
    for text in ("a:x:b", ":100:", "[red]x[/red]"):
        assert text in done.stdout


def test_nowhere_to_write_is_no_traceback(make_mmar: MakeMmar) -> None:
    """A full or closed standard output: the search goes on."""
    mmar = make_mmar(searching(score=[0.1]))
    argv = mmar.argv("run", "{root}", "--no-mlflow", "--workers", "cpu")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert "Traceback" not in done.stderr
    assert len(mmar.report()["jobs"]) == 1
