"""MyExecutor: turns a configuration into a score. Named in config/config_automl.json by its path.

It takes the place of the built-in executor wholly: nothing is trained unless you do it. What is
written here runs this very file as a program, one process for each job, so that a job that
crashes, hangs or is stopped is nobody else's trouble. Put your own work into `evaluate`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from mmar_automl.api import Executor, JobFailed
from mmar_automl.defs import Context, ContextKey, JobState, Recommendation, SearchSpace
from mmar_automl.search import parse


def evaluate(parameters: dict[str, Any]) -> float:
    """The score of one configuration, higher is better. Runs in a process of its own.

    A PLACEHOLDER that measures nothing: replace it. `parameters` maps readable names, as
    `mmar-automl preview` shows them, to values.
    """
    print("this score is made up: write your own evaluate()", parameters)
    numbers = [value for value in parameters.values() if isinstance(value, (int, float))]
    return -sum(float(number) ** 2 for number in numbers)


class MyExecutor(Executor):
    """Runs `evaluate` in a process for each job.

    The arguments of `__init__` are the `args` in config_automl.json.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self.timeout = timeout  # seconds
        self.running: dict[str, subprocess.Popen[bytes] | None] = {}  # None: to be stopped
        self.lock = threading.Lock()

    def determine_search_space(self, ctx: Context) -> SearchSpace:
        # The search sections of config/config_train.json. Any other dict with search sections
        # does as well: parse({"search": [...]}).
        return parse(ctx.get_prop(ContextKey.MMAR).train_config.data)

    def execute(self, recommendation: Recommendation, ctx: Context) -> object:
        # Called in a thread for each worker, several at a time. Return the score, or None where
        # there is none; raise JobFailed if the job did not end well. A resumed search calls it
        # again for the jobs that had not ended.
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        folder = Path(ctx.get_prop(ContextKey.AUTOML_ROOT)) / name
        folder.mkdir(exist_ok=True)
        parameters = recommendation.result.named()
        (folder / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
        (folder / "score.json").unlink(missing_ok=True)
        # ctx.get_prop(ContextKey.GPUS) are the worker's GPUs, for CUDA_VISIBLE_DEVICES.
        with (folder / "log.txt").open("ab") as log, self.lock:
            if name in self.running:
                del self.running[name]
                raise JobFailed("stopped before it started", state=JobState.INTERRUPTED)
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve())],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to the search, which then calls abort.
                start_new_session=True,
            )
            self.running[name] = process
        try:
            status = process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        with self.lock:
            stopped = self.running.pop(name) is None
        if stopped:
            raise JobFailed("stopped", state=JobState.INTERRUPTED)
        if status != 0:
            tail = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-500:]
            raise JobFailed(f"ended with {status}", exit_status=status, tail=tail)
        return json.loads((folder / "score.json").read_text(encoding="utf-8"))

    def abort(self, ctx: Context) -> None:
        # End the job now, without waiting; it may not have started yet, and may be called twice.
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        with self.lock:
            process = self.running.get(name)
            self.running[name] = None
        if process is not None:
            process.kill()


if __name__ == "__main__":
    given = json.loads(Path("parameters.json").read_text(encoding="utf-8"))
    Path("score.json").write_text(json.dumps(evaluate(given)), encoding="utf-8")
