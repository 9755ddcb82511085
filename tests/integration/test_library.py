"""Clara's engine as a library, its console, and commands that plug-ins add to ours."""

from __future__ import annotations

import json
import socket
import subprocess
import time

import pytest
from automl.components.executors.executor import Executor
from automl.components.handlers.handler import Handler
from automl.defs import Context, ContextKey, Status
from automl.workflows.admin import AutomlCommandModule
from automl.workflows.defs import WorkerConfig
from automl.workflows.engine import Engine
from automl.workflows.test_engine import TestController

from mmar_automl.api import JobFailed, Reply
from mmar_automl.errors import BadInput
from mmar_automl.search import parse
from tests.conftest import MakeMmar, searching
from tests.integration.test_search import wait_for


class Counts(Executor):
    """Scores at once, or sleeps until it is aborted."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.aborted: list[str] = []
        self.down = 0

    def determine_search_space(self, ctx: Context) -> object:
        return parse(searching(x=[1, 2, 3]))

    def execute(self, recommendation: object, ctx: Context) -> object:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            if ctx.get_prop(ContextKey.JOB_NAME) in self.aborted:
                raise JobFailed("aborted")
            time.sleep(0.01)
        return ctx.get_prop(ContextKey.CONCRETE_SEARCH_VALUE)["net.enum$0:x"][0]

    def abort(self, ctx: Context) -> None:
        self.aborted.append(ctx.get_prop(ContextKey.JOB_NAME))

    def shutdown(self, ctx: Context) -> None:
        self.down += 1


class Ends(Handler):
    """Remembers how jobs ended."""

    def __init__(self) -> None:
        self.seen: list[tuple[Status, float]] = []

    def end_job(self, ctx: Context) -> None:
        self.seen.append((ctx.get_prop("_jobStatus"), ctx.get_prop("_score")))


def test_an_engine_without_an_mmar() -> None:
    """Workers, a controller, an executor, handlers: run to the end and shut down once."""
    executor, ends = Counts(), Ends()
    engine = Engine(
        [WorkerConfig("W1", [0, 1]), WorkerConfig("W2", [2])],
        TestController(total_recs=7, max_recs_each_time=2),
        executor,
        [ends],
        admin_port=None,
    )
    outcome = engine.run(Context())
    engine.shutdown(Context())
    assert (outcome.jobs, outcome.failed, str(outcome.state)) == (7, 0, "finished")
    assert len(ends.seen) == 7
    assert executor.down == 1
    assert WorkerConfig("W1", (0, 1)).gpu_list_string() == "0,1"


def test_its_jobs_and_its_time_are_limited(caplog: pytest.LogCaptureFixture) -> None:
    """A job that takes longer is aborted through the executor; a port in use is a notice."""
    executor, ends = Counts(seconds=30), Ends()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        engine = Engine(
            [WorkerConfig("W1", [])],
            TestController(2, 2),
            executor,
            [ends],
            trace=True,
            max_job_run_time=0.2,
            admin_port=taken.getsockname()[1],
        )
        outcome = engine.run(Context())
    engine.shutdown()
    assert (outcome.failed, executor.aborted) == (2, ["W1_1_J1", "W1_2_J2"])
    assert {status for status, _ in ends.seen} == {Status.FAILED}
    assert "no admin console on port" in caplog.text
    with pytest.raises(BadInput, match="needs a worker"):
        Engine([], TestController(1, 1), executor)


def test_its_commands_answer_into_a_connection() -> None:
    """Clara's module of them, with its spec; what is refused is an answer, too."""
    answers = []

    class Asks(Ends):
        def end_job(self, ctx: Context) -> None:
            if not answers:
                for name in ("list_workers", "show_worker", "resume_worker"):
                    reply = Reply()
                    words = [name] if name == "list_workers" else [name, "W9"]
                    specs[name].handler_func(reply, words)
                    answers.append(reply.text())

    engine = Engine([WorkerConfig("W1", [])], TestController(1, 1), Counts(), [Asks()], trace=True)
    spec = AutomlCommandModule(engine).get_spec()
    specs = {each.name: each for each in spec.cmd_specs}
    engine.run(Context())
    engine.shutdown()
    assert spec.name == "automl"
    assert answers[0].splitlines()[1].split() == ["W1", "cpu", "busy", "1"]
    assert answers[1].startswith("Error: there is no worker 'W9'")


COMMANDS = """\
from automl.components.handlers.handler import Handler
from dlmed.hci.reg import CommandModule, CommandModuleSpec, CommandSpec


class Counter(CommandModule):
    def __init__(self): self.jobs = 0
    def get_spec(self):
        spec = CommandSpec("how_many", "jobs so far", "how_many", self.how_many)
        bad = CommandSpec("broken", "raises", "broken", lambda conn, args: 1 / 0)
        return CommandModuleSpec("counter", [spec, bad])
    def how_many(self, conn, args):
        table = conn.append_table(["WHAT", "COUNT"])
        table.add_row(["jobs", self.jobs])


class Offers(Handler):
    def __init__(self): self.module = Counter()
    def startup(self, ctx): ctx.add_command_module(self.module)
    def start_job(self, ctx): self.module.jobs += 1
"""


def test_a_plugins_commands_stand_beside_ours(make_mmar: MakeMmar) -> None:
    """On the console of its search, in `help`, and named if they break."""
    mmar = make_mmar(searching(behaviour=["hang"]), handlers=[{"path": "cmds.Offers"}])
    (mmar.root / "custom/cmds.py").write_text(COMMANDS)
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    wait_for(lambda: (mmar.job("W1_1_J1") / "seen.json").exists())
    lines = "how_many\nhelp\nbroken\nhow_manny\nstop\n"
    answered = _typed(mmar.argv("admin", "{root}"), lines)
    assert "jobs  1" in answered
    assert "how_many  jobs so far" in answered
    assert "broken raised ZeroDivisionError" in answered
    assert "there is no command 'how_manny'" in answered
    search.communicate(timeout=30)
    assert search.returncode == 3
    assert json.loads(mmar.run("report", "{root}", "--json").stdout)["state"] == "stopped"


def _typed(argv: list[str], lines: str) -> str:
    done = subprocess.run(argv, input=lines, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
