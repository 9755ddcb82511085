"""The engine beside a bare Popen pool doing the same: overhead, gaps, replay, start-up.

Prints ratios and differences measured side by side in one run; machines are shared and noisy, so
read the ratio, not the seconds. Goals: makespan of one-second jobs at most 1.05 of the pool's,
at most 10 ms a trivial job over the pool's, gaps under 50 ms at the 95th percentile, a replay of
10,000 jobs under 1 s, a search process that starts in 0.5 s and stays under 100 MiB.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WORKERS = 2
ROUND = """#!/usr/bin/env bash
{work}
printf '{{"best_validation_metric": 0.5}}' > "$MMAR_ROOT/models/train_stats.json"
"""


def make_mmar(root: Path, jobs: int, work: str) -> None:
    for folder in ("config", "commands", "models"):
        (root / folder).mkdir(parents=True)
    entry = {"args": ["n"], "type": "int", "domain": "net", "targets": [1, jobs]}
    (root / "config/config_train.json").write_text(json.dumps({"search": [entry]}))
    automl = {
        "controller": {"name": "GridController", "args": {"num": jobs}},
        "executor": {"name": "MMARExecutor", "args": {"remove_search_augs": True}},
        "handlers": [{"name": "MMARHandler"}, {"name": "StatsHandler"}],
    }
    (root / "config/config_automl.json").write_text(json.dumps(automl))
    (root / "config/environment.json").write_text("{}")
    script = root / "commands/automl_train_round.sh"
    script.write_text(ROUND.format(work=work))
    script.chmod(0o755)


def engine(root: Path) -> float:
    """Seconds from the first job's start to the last one's end, by the journal."""
    argv = [sys.executable, "-m", "mmar_automl", "run", str(root), "--no-mlflow"]
    subprocess.run(
        [*argv, "--workers", ":".join(["cpu"] * WORKERS)], check=True, stdout=subprocess.DEVNULL
    )
    events = journal(root)
    begins = [event["time"] for event in events if event["event"] == "JobAssigned"]
    ends = [event["time"] for event in events if event["event"] == "WorkerFreed"]
    return max(ends) - min(begins)


def journal(root: Path) -> list[dict]:
    lines = (root / "automl/run_a/journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def pool(root: Path, jobs: int) -> float:
    """The same script as often, from a pool of threads that each wait for a Popen."""
    left = iter(range(jobs))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            folder = root / f"pool/{number}"
            (folder / "models").mkdir(parents=True)
            with (folder / "log.txt").open("wb") as log:
                subprocess.Popen(
                    ["bash", str(root / "commands/automl_train_round.sh")],
                    env={**os.environ, "MMAR_ROOT": str(folder)},
                    stdout=log,
                    stderr=log,
                ).wait()

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def gaps(root: Path) -> list[float]:
    """Seconds from a training's end to the next one's start on the same worker."""
    ended, found = {}, []
    for event in journal(root):
        worker = event.get("worker") or event.get("job", "").partition("_")[0]
        if event["event"] == "JobEnded":
            ended[worker] = event["time"]
        elif event["event"] == "JobAssigned" and worker in ended:
            found.append(event["time"] - ended.pop(worker))
    return found


def side_by_side(jobs: int, work: str, rounds: int) -> tuple[float, float, list[float]]:
    ours, theirs, between = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "mmar"
            make_mmar(root, jobs, work)
            theirs.append(pool(root, jobs))
            ours.append(engine(root))
            between += gaps(root)
    return statistics.median(ours), statistics.median(theirs), between


def replay_seconds(jobs: int) -> float:
    from mmar_automl.defs import JobState
    from mmar_automl.engine.events import (
        JobAssigned,
        JobEnded,
        Proposal,
        RecommendationsMade,
        RunStarted,
        WorkerFreed,
    )
    from mmar_automl.engine.journal import Journal, read_journal
    from mmar_automl.engine.state import replay

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        writing = Journal(path)
        start = RunStarted(
            run_id="r", token="t", workers=(("W1", ()),), controller="c", version="0", host="h",
            pid=1, process_started=0.0, time=0.0,
        )  # fmt: skip
        os_fsync, os.fsync = os.fsync, lambda _descriptor: None
        try:
            writing.append(start)
            for n in range(1, jobs + 1):
                proposal = Proposal(id=n, values={"a": n, "b": 0.5}, parameters={"a": n, "b": 0.5})
                after = f"W1_{n - 1}_J{n - 1}" if n > 1 else None
                name = f"W1_{n}_J{n}"
                for event in (
                    RecommendationsMade(proposals=(proposal,), after=after, time=1.0 * n),
                    JobAssigned(job=name, recommendation_id=n, worker="W1", time=1.0 * n),
                    JobEnded(job=name, state=JobState.FINISHED, score=1 / n, time=1.0 * n),
                    WorkerFreed(job=name, time=1.0 * n),
                ):
                    writing.append(event)
        finally:
            os.fsync = os_fsync
        writing.close()
        began = time.perf_counter()
        state = replay(read_journal(path))
        assert len(state.jobs) == jobs
        return time.perf_counter() - began


def start_up() -> tuple[float, float]:
    """Seconds to a bootstrap that is ready, and its memory in MiB, without MLflow."""
    code = (
        "import resource, mmar_automl.cli, mmar_automl.app.bootstrap\n"
        "import mmar_automl.app.results, mmar_automl.app.check\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    times, memory = [], 0.0
    for _ in range(5):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        times.append(time.perf_counter() - began)
        memory = float(done.stdout)
    return statistics.median(times), memory


def main() -> None:
    ours, theirs, between = side_by_side(60, ":", rounds=3)
    overhead = (ours - theirs) / 60 * 1000
    p95 = statistics.quantiles(between, n=20)[-1]
    print(
        f"60 trivial jobs: engine {ours:.2f} s, pool {theirs:.2f} s: {overhead:.1f} ms a job more"
    )
    print(
        f"gap between jobs of a worker: median {statistics.median(between) * 1000:.1f} ms, ", end=""
    )
    print(f"p95 {p95 * 1000:.1f} ms")
    ours, theirs, _ = side_by_side(20, "sleep 1", rounds=1)
    print(f"20 jobs of 1 s: engine {ours:.2f} s, pool {theirs:.2f} s: ratio {ours / theirs:.3f}")
    print(f"replay of 10,000 jobs: {replay_seconds(10_000):.2f} s")
    seconds, memory = start_up()
    print(f"search process: {seconds:.2f} s to start, {memory:.0f} MiB without MLflow")


if __name__ == "__main__":
    main()
