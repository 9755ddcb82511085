"""What recording in MLflow costs: the jobs' time by the journal, and the end of the search.

Trivial jobs, so that nothing hides it, and jobs of a second; the three ways in turns, medians.
MLflow's import takes one to two seconds of a processor and falls into the first jobs of a search:
40 trivial ones share it, a real training does not notice. Goal: 20 jobs of a second at most 5 %
longer, whoever answers, as for the engine itself.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.bench_engine import WORKERS, journal, make_mmar

ROUNDS = 3


def search(root: Path, *options: str) -> tuple[float, float]:
    """Seconds from the first job's start to the last one's end, and from there to the exit."""
    argv = [sys.executable, "-m", "mmar_automl", "run", str(root), *options]
    subprocess.run(
        [*argv, "--workers", ":".join(["cpu"] * WORKERS)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    over = time.time()
    events = journal(root)
    begins = [event["time"] for event in events if event["event"] == "JobAssigned"]
    ends = [event["time"] for event in events if event["event"] == "WorkerFreed"]
    return max(ends) - min(begins), over - max(ends)


def dead_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def compare(jobs: int, work: str, kind: str) -> None:
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "mlflow.db"
        for turn in range(-1, ROUNDS):
            for name, options in (
                ("without MLflow", ("--no-mlflow",)),
                ("sqlite", ("--tracking-uri", f"sqlite:///{store}")),
                ("nobody answers", ("--tracking-uri", dead_port())),
            ):
                root = Path(folder) / "mmar"
                make_mmar(root, jobs, work)
                took = search(root, *options)
                shutil.rmtree(root)
                # The first round makes the store and warms the disk.
                if turn >= 0:
                    found.setdefault(name, []).append(took)
    base = statistics.median(made for made, _ in found["without MLflow"])
    for name, times in found.items():
        made = statistics.median(made for made, _ in times)
        end = statistics.median(end for _, end in times)
        more = f"{(made - base) / jobs * 1000:+5.1f} ms a job"
        print(f"{jobs} {kind}, {name:15} {made:6.2f} s ({more}), end of the search {end:4.1f} s")


def main() -> None:
    compare(40, ":", "trivial jobs")
    compare(20, "sleep 1", "jobs of 1 s")


if __name__ == "__main__":
    main()
