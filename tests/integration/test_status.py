"""Watch and steer real searches from outside: status, admin, stop."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching
from tests.integration.test_search import alive_in, wait_for


@contextlib.contextmanager
def running(
    mmar: MadeMmar, *words: str, workers: str = "cpu:cpu", run_id: str = "x", jobs: int = 2
) -> Iterator[subprocess.Popen[str]]:
    """A search whose first jobs have begun; whatever is left of it is killed at the end."""
    search = mmar.start(
        "run", "{root}", "--no-mlflow", "--run-id", run_id, "--workers", workers, *words
    )
    try:
        folder = mmar.root / "automl" / run_id
        wait_for(lambda: len(list(folder.glob("W*/seen.json"))) >= jobs)
        yield search
    finally:
        if search.poll() is None:
            search.kill()
        for pid in alive_in(mmar.root):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        search.communicate()


def status(mmar: MadeMmar, *words: str) -> dict[str, Any]:
    done = mmar.run("status", "{root}", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def admin(mmar: MadeMmar, *words: str) -> str:
    done = mmar.run("admin", "{root}", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_search_is_watched_and_steered(make_mmar: MakeMmar) -> None:
    """One search through all of Clara's commands, until `stop`."""
    mmar = make_mmar(
        searching(score=[0.1, 0.2, 0.3, 0.4, 0.5], behaviour=["hang"]),
        handlers=[{"name": "MMARHandler", "args": {"num_mmars_to_keep": 3}}],
    )
    with running(mmar) as search:
        found = status(mmar)
        assert (found["state"], found["queued"], found["jobs"]) == ("running", 3, {"running": 2})
        assert found["process"]["pid"] == search.pid
        assert found["notes"] == ["3 wait: all workers are busy"]
        one = found["workers"][0]
        assert (one["name"], one["state"], one["job"]) == ("W1", "busy", "W1_1_J1")
        # When its log last grew is how a job that hangs is seen (case SH-12).
        assert one["since"] - 1 < one["log_grew"] <= time.time()
        job = mmar.job("W1_1_J1", "x")
        (job / "models/progress.jsonl").write_text('{"epoch": 7, "metric": 0.25}\n{"epo')
        os.utime(job / "log.txt", (time.time() - 750, time.time() - 750))
        text = mmar.run("status", "{root}", env={"COLUMNS": "80"})
        assert max(map(len, text.stdout.splitlines())) <= 80
        assert "12:3" in text.stdout
        assert " 7 " in text.stdout
        assert "0.2500" in text.stdout

        assert admin(mmar, "list_workers").splitlines() == [
            "NAME  GPUS  STATE  JOBS",
            "W1    cpu   busy   1",
            "W2    cpu   busy   1",
        ]
        assert "finishes W2_1_J2" in admin(mmar, "x", "suspend_worker", "W2")
        assert "W1_1_J1" in admin(mmar, "abort_worker", "W1")
        wait_for(lambda: mmar.job("W1_2_J3", "x").exists())
        assert "W2_1_J2" in admin(mmar, "abort_worker", "W2")
        wait_for(lambda: status(mmar)["workers"][1]["job"] is None)
        found = status(mmar)
        assert found["jobs"] == {"interrupted": 2, "running": 1}
        assert [worker["state"] for worker in found["workers"]] == ["busy", "suspended"]
        assert found["notes"][0] == "2 wait: all other workers are busy"
        assert found["notes"][1].endswith("x resume_worker W2")
        assert "has no job" in admin(mmar, "abort_worker", "W2")
        assert "gets jobs again" in admin(mmar, "resume_worker", "W2")
        wait_for(lambda: mmar.job("W2_2_J4", "x").exists())
        assert admin(mmar, "summary").startswith("Top MMARs to keep: 3\n")

        refused = mmar.run("admin", "{root}", "abort_worker", "w1")
        assert refused.returncode == 2
        assert "did you mean W1?" in refused.stderr
        unknown = mmar.run("admin", "{root}", "lst_workers")
        assert unknown.returncode == 2
        assert "did you mean list_workers?" in unknown.stderr
        assert search.poll() is None

        assert "stopping" in admin(mmar, "stop")
        search.communicate(timeout=20)
    assert status(mmar)["state"] == "stopped"
    assert alive_in(mmar.root) == []
    assert not (mmar.root / "automl/x/console.json").exists()


def test_an_aborted_job_takes_no_other_with_it(make_mmar: MakeMmar) -> None:
    """Also once the time is up after which a search that stops gives its jobs up."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3], seconds=[4]))
    code = (
        "import mmar_automl.engine.run as run; run.HUNG = 1.0; "
        "from mmar_automl.cli import main; main()"
    )
    words = mmar.argv("run", "{root}", "--no-mlflow", "--run-id", "x", "-w", "cpu:cpu")[3:]
    search = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL)
    wait_for(lambda: len(list((mmar.root / "automl/x").glob("W*/seen.json"))) >= 2)
    admin(mmar, "abort_worker", "W1")
    assert search.wait(timeout=30) == 0
    jobs = {job["name"]: (job["state"], job["message"]) for job in mmar.report("x")["jobs"]}
    assert jobs == {
        "W1_1_J1": ("interrupted", "ended by abort_worker"),
        "W2_1_J2": ("finished", ""),
        "W1_2_J3": ("finished", ""),
    }


def test_commands_come_from_a_pipe_or_a_terminal(make_mmar: MakeMmar) -> None:
    """A refused one does not keep the others from being done; a terminal gets Clara's prompt."""
    mmar = make_mmar(searching(score=[0.1], behaviour=["hang"]))
    with running(mmar, workers="cpu", jobs=1):
        lines = "list_workers\n\nfoo\n'unclosed\nlpwd\nshow_worker W1\nbye\nstop\n"
        done = subprocess.run(
            mmar.argv("admin", "{root}"),
            input=lines,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 2
        assert "2 commands were refused" in done.stderr
        assert f"{os.getcwd()}\n" in done.stdout
        assert "W1_1_J1" in done.stdout
        assert "AutoML>" not in done.stdout
        assert status(mmar)["stopping"] is None

        ours, theirs = pty.openpty()
        client = subprocess.Popen(
            mmar.argv("admin", "{root}", "x"), stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        said = ""
        for typed in ("show_worker W1", "?", "bye"):
            said += read_until(ours, "AutoML> ")
            os.write(ours, f"{typed}\n".encode())
        assert client.wait(timeout=10) == 0
        os.close(ours)
        assert "W1_1_J1" in said
        assert "suspend_worker W1" in said


def read_until(terminal: int, mark: str) -> str:
    said = ""
    while mark not in said:
        assert select.select([terminal], [], [], 20)[0], said
        said += os.read(terminal, 4096).decode(errors="replace")
    return said


def test_garbage_on_the_socket_does_a_search_no_harm(make_mmar: MakeMmar) -> None:
    """Bytes, half a command, a client that leaves before the answer: it ends as ever."""
    mmar = make_mmar(searching(score=[0.1, 0.2], seconds=[2]))
    with running(mmar) as search:
        where = json.loads((mmar.root / "automl/x/console.json").read_text())
        assert where["pid"] == search.pid
        assert Path(where["socket"]).parent.stat().st_mode & 0o077 == 0
        for line in (b"\xff\x00\n", b'{"words": ["stop"]}', b'{"words": ["summary"]}\n' * 50, b""):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(where["socket"])
                client.sendall(line)
        search.communicate(timeout=30)
        assert search.returncode == 0
    assert status(mmar)["state"] == "finished"
    gone = mmar.run("admin", "{root}", "list_workers")
    assert gone.returncode == 4
    assert "it has ended (finished)" in gone.stderr
    assert "report" in gone.stderr


def test_what_outlives_a_killed_search_is_seen_and_ended(make_mmar: MakeMmar) -> None:
    """Also a job that ignores SIGTERM, and a process that left its job's group."""
    mmar = make_mmar(searching(behaviour=["ignore_sigterm", "grandchild"], seconds=[60]))
    with running(mmar) as search:
        search.kill()
        search.wait()
        before = len(alive_in(mmar.root))
        assert before > 4
        found = status(mmar)
        assert found["state"] == "interrupted"
        assert found["process"] is None
        notes = "\n".join(found["notes"])
        assert "W1_1_J1 still runs without it, pid" in notes
        assert "--run-id x --resume goes on" in notes
        refused = mmar.run("admin", "{root}", "stop")
        assert refused.returncode == 4
        assert "its search process is gone" in refused.stderr
        assert "--resume" in refused.stderr
        assert len(alive_in(mmar.root)) == before
        # The socket of the killed search is still there; nobody listens on it.
        stale = Path(json.loads((mmar.root / "automl/x/console.json").read_text())["socket"])
        assert stale.exists()

        done = mmar.run("stop", "{root}", "--grace", "1")
        assert done.returncode == 0, done.stderr
        assert "ended 2 that had outlived their search: W1_1_J1, W2_1_J2" in done.stdout
        assert alive_in(mmar.root) == []
        again = mmar.run("stop", "{root}")
        assert again.returncode == 0
        assert "nothing runs of x: its search process is gone" in again.stdout
        assert not any("still runs" in note for note in status(mmar)["notes"])
        assert not stale.parent.exists()


def test_a_search_on_another_machine_is_watched_but_not_ended(make_mmar: MakeMmar) -> None:
    """Its lock tells that it lives; pids of this machine say nothing about it."""
    mmar = make_mmar(searching(score=[0.1], behaviour=["hang"]))
    with running(mmar, workers="cpu", jobs=1) as search:
        search.kill()
        search.wait()
        lock = mmar.root / "automl/x/lock"
        owner = json.loads(lock.read_text())
        lock.write_text(json.dumps({**owner, "host": "elsewhere"}))
        assert status(mmar)["process"] is None
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            found = status(mmar)
            assert (found["state"], found["process"]["host"]) == ("running", "elsewhere")
            for words, said in (
                (["stop", "{root}"], "stop it there"),
                (["admin", "{root}", "stop"], "give the command there"),
            ):
                done = mmar.run(*words)
                assert done.returncode == 4
                assert "runs on elsewhere" in done.stderr
                assert said in done.stderr
        assert alive_in(mmar.root)


def test_a_resume_runs_again_what_stop_has_ended(make_mmar: MakeMmar) -> None:
    """The SIGTERM in its record is no failure of the job."""
    mmar = make_mmar(searching(score=[0.1, 0.2], seconds=[2]))
    with running(mmar) as search:
        search.kill()
        search.wait()
        assert mmar.run("stop", "{root}", "x").returncode == 0
        assert alive_in(mmar.root) == []
        done = mmar.search("--run-id", "x", "--resume", "--retries", "0")
    assert done.returncode == 0, done.stderr
    assert [job["state"] for job in mmar.report("x")["jobs"]] == ["finished", "finished"]


def test_stop_ends_a_living_search_and_waits(make_mmar: MakeMmar) -> None:
    """Its exit status is that of SIGTERM, and the other search on the MMAR goes on."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3], behaviour=["hang"]))
    with (
        running(mmar, run_id="first", workers="cpu", jobs=1) as first,
        running(mmar, run_id="second", workers="cpu", jobs=1) as second,
    ):
        assert status(mmar)["run_id"] == "second"
        assert status(mmar, "first")["process"]["pid"] == first.pid
        assert "W1" in admin(mmar, "first", "list_workers")
        admin(mmar, "first", "suspend_worker", "W1")
        assert status(mmar, "first")["workers"][0]["state"] == "suspended"
        assert status(mmar, "second")["workers"][0]["state"] == "busy"

        done = mmar.run("stop", "{root}")
        assert done.returncode == 0, done.stderr
        assert f"the search second, pid {second.pid}, has ended: interrupted" in done.stdout
        assert second.wait(timeout=5) == 128 + signal.SIGTERM
        assert not (mmar.root / "automl/second/console.json").exists()
        idle = mmar.run("stop", "{root}")
        assert idle.returncode == 0
        assert "nothing runs of second: it has ended (interrupted)" in idle.stdout
        assert "first runs: mmar-automl stop" in idle.stdout
        assert first.poll() is None
        assert mmar.run("stop", "{root}", "first").returncode == 0
        assert alive_in(mmar.root) == []


def test_a_path_longer_than_a_sockets_may_be(make_mmar: MakeMmar) -> None:
    """Neither length nor a space is in the way; the commands that are named can be pasted."""
    mmar = make_mmar(
        searching(score=[0.1], behaviour=["hang"]), name="a folder/" + "/".join(["deep" * 10] * 4)
    )
    assert len(str(mmar.root)) > 160
    with running(mmar, workers="cpu", jobs=1):
        admin(mmar, "suspend_worker", "W1")
        note = status(mmar)["notes"][-1]
        assert f"mmar-automl admin '{mmar.root}' x resume_worker W1" in note
        admin(mmar, "stop")


def test_a_port_only_if_asked_for(make_mmar: MakeMmar) -> None:
    """On the loopback, with a token in a private file; one that is taken is said at once."""
    mmar = make_mmar(searching(score=[0.1], behaviour=["hang"]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = mmar.search("--admin-port", str(port))
        assert refused.returncode == 4
        assert f"--admin-port {port} cannot be had" in refused.stderr
        assert not (mmar.root / "automl").exists()
    with running(mmar, "--admin-port", "0", workers="cpu", jobs=1):
        file = mmar.root / "automl/x/console.json"
        assert file.stat().st_mode & 0o777 == 0o600
        where = json.loads(file.read_text())
        with socket.create_connection(("127.0.0.1", where["port"]), timeout=10) as client:
            client.sendall(b'{"words": ["stop"]}\n')
            assert b"token" in client.recv(1000)
        # The client goes to the port if the socket is out of its reach.
        Path(where["socket"]).unlink()
        assert "W1" in admin(mmar, "list_workers")
        admin(mmar, "stop")


def test_before_any_search_there_is_nothing_to_watch(make_mmar: MakeMmar) -> None:
    """Exit status 2 and how to begin; help needs no search."""
    mmar = make_mmar(searching(score=[0.1]))
    for words in (["status"], ["stop"], ["admin"]):
        done = mmar.run(words[0], "{root}", *(["list_workers"] if words == ["admin"] else []))
        assert done.returncode == 2
        assert "no search has been run" in done.stderr
    assert "suspend_worker W1" in admin(mmar, "help")


@pytest.mark.parametrize("torn", [False, True])
def test_a_journal_of_the_first_moment(make_mmar: MakeMmar, torn: bool) -> None:
    """Empty or torn, as a search that was killed at once leaves it."""
    mmar = make_mmar(searching(score=[0.1]))
    folder = mmar.root / "automl/x"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text('{"event": "RunSta' if torn else "")
    found = status(mmar)
    assert (found["state"], found["workers"]) == ("interrupted", [])
    assert "nothing runs" in mmar.run("stop", "{root}").stdout
