"""The report from the command line, on what searches leave behind; the page in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching
from tests.made_run import HOSTILE, make_run

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def browse(page: Path, folder: Path, width: int = 1280) -> tuple[str, str, set[str]]:
    """The DOM after all scripts, the console, and the addresses that a page asked for."""
    assert CHROMIUM is not None
    log = folder / "net.json"
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={width},2000",
            "--virtual-time-budget=30000", "--enable-logging=stderr",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--log-net-log={log}", "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    # The browser's own requests (updates, clock) have "not an origin" as their initiator.
    asked = set()
    for line in log.read_text(errors="replace").splitlines():
        origin = re.search(r'"initiator":"([^"]*)"', line)
        url = re.search(r'"url":"([^"]*)"', line)
        if origin and url and origin[1] != "not an origin":
            asked.add(url[1])
    return done.stdout, console, asked


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_opens_offline_without_an_error_or_a_request(tmp_path: Path) -> None:
    """All charts are drawn; a hostile value is a text; a page that does ask is seen to."""
    make_run(tmp_path / "mmar", 40)
    mmar = MadeMmar(tmp_path / "mmar")
    page = tmp_path / "report.html"
    done = mmar.run("report", "{root}", "--html", str(page))
    assert done.returncode == 0, done.stderr
    assert "it opens offline" in done.stdout
    dom, console, asked = browse(page, tmp_path)
    assert console == ""
    assert asked == set()
    assert 'data-drawn="all"' in dom
    assert dom.count("main-svg") >= 2 * dom.count("data-chart=")
    assert "<img src=" not in dom
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://example.invalid/x.png"><script>nothing()</script>')
    _, console, asked = browse(asking, tmp_path)
    assert "http://example.invalid/x.png" in asked
    assert "nothing is not defined" in console


def test_a_real_search_is_listed_reported_and_applied(make_mmar: MakeMmar) -> None:
    """runs, report in each form, best and --apply, on one search of the stand-in."""
    mmar = make_mmar({"score": 0.05, **searching(score=[0.1, 0.9, 0.4])})
    assert "no search has been run" in mmar.run("runs", "{root}").stdout
    assert mmar.search().returncode == 0
    (listed,) = json.loads(mmar.run("runs", "{root}", "--json").stdout)
    assert (listed["run_id"], listed["state"], listed["jobs"]) == ("run_a", "finished", 3)
    assert listed["score"] == 0.9
    report = mmar.report()
    assert report["uncertainty"]["scored"] == 3
    assert report["cost"]["worker_hours"] > 0
    assert "uncertainty: the best of 3 scores" in mmar.run("report", "{root}").stdout
    clash = mmar.run("report", "{root}", "--csv", "--json")
    assert clash.returncode == 2
    best = json.loads(mmar.run("best", "{root}", "--json").stdout)
    assert best["changes"] == [{"path": "score", "before": 0.05, "after": 0.9}]
    assert Path(best["folder"]).name == report["best"]
    before = mmar.read("config/config_train.json")
    applied = mmar.run("best", "{root}", "--apply")
    assert applied.returncode == 0, applied.stderr
    assert mmar.read("config/config_train.json") == {**before, "score": 0.9}
    assert mmar.read("config/config_train.before_run_a.json") == before
    again = mmar.run("best", "{root}", "--apply")
    assert "has these values already" in again.stdout
    mmar.write("config/config_train.json", {**before, "epochs": 3})
    refused = mmar.run("best", "{root}", "--apply")
    assert refused.returncode == 2
    assert "has changed since run_a began: epochs" in refused.stderr


def test_bad_input_is_answered(tmp_path: Path) -> None:
    """A run that does not exist, a file that cannot be, a search without any score."""
    make_run(tmp_path / "mmar", 3, troubles=False)
    make_run(tmp_path / "mmar", 0, run_id="run_b")
    mmar = MadeMmar(tmp_path / "mmar")
    done = mmar.run("report", "{root}", "nope")
    assert done.returncode == 2
    assert "run_a" in done.stderr
    assert "run_b" in done.stderr
    for target in (tmp_path, tmp_path / "no/such/report.html"):
        assert mmar.run("report", "{root}", "--html", str(target)).returncode == 2
    page = tmp_path / "report.html"
    assert mmar.run("report", "{root}", "run_b", "--html", str(page)).returncode == 0
    assert "No job has a score" in page.read_text()
    assert mmar.run("best", "{root}", "run_b").returncode == 3


def test_half_written_folders_and_a_search_that_runs_are_reported(tmp_path: Path) -> None:
    """What is there is told, what is torn is left out, and nothing is written."""
    run = make_run(tmp_path / "mmar", 12, ended=False, troubles=False)
    mmar = MadeMmar(tmp_path / "mmar")
    best = mmar.report()["best"]
    (run.job(best).train_config).write_text('{"learning_rate": 0.')
    (run.job(best).progress).write_text('{"epoch": 1, "metric": 0.5}\n{"epoch": 2, "me')
    shutil.rmtree(run.root / "W1_1_J1")
    with run.journal.open("a") as file:
        file.write('{"event": "JobAss')
    (run.job("W2_1_J2").models / "events.out.tfevents.1.box").touch()
    assert f"tensorboard --logdir {run.root}" in mmar.run("report", "{root}").stdout
    page = tmp_path / "report.html"
    done = mmar.run("report", "{root}", "--html", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "tensorboard --logdir automl/run_a" in text
    assert "the search still runs" in text
    assert f"{best}/config/config_train.json cannot be read" in text
    refused = mmar.run("best", "{root}", "--apply")
    assert refused.returncode == 2
    assert "still runs" in refused.stderr


def test_runs_stand_side_by_side(tmp_path: Path) -> None:
    """In the terminal, in JSON and on one page; a damaged one does not hide the others."""
    for number, run_id in enumerate(("run_a", "run_b")):
        make_run(tmp_path / "mmar", 15, run_id=run_id, seed=number)
    mmar = MadeMmar(tmp_path / "mmar")
    text = mmar.run("report", "{root}", "run_a", "run_b").stdout
    assert text.count("uncertainty:") == 2
    told = json.loads(mmar.run("report", "{root}", "run_a", "run_b", "--json").stdout)
    assert [run["run_id"] for run in told["runs"]] == ["run_a", "run_b"]
    page = tmp_path / "both.html"
    mmar.run("report", "{root}", "run_a", "run_b", "--html", str(page))
    assert "side by side" in page.read_text()
    assert HOSTILE not in page.read_text()
    (tmp_path / "mmar/automl/run_a/journal.jsonl").write_text("no journal\n{}\n")
    listed = json.loads(mmar.run("runs", "{root}", "--json").stdout)
    troubles = {run["run_id"]: run["trouble"] for run in listed}
    assert "damaged" in troubles["run_a"]
    assert troubles["run_b"] is None
