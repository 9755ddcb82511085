"""What a proposal costs after many jobs, what a history costs to take up again, and whether
workers ever wait for one.

    python bench/bench_proposals.py            a minute
    python bench/bench_proposals.py --large    up to 5,000 finished jobs: minutes
    python bench/bench_proposals.py --cut      half of them cut short by a pruner

Latency is the processor time of one `refine_recommendation`, the median of five, on ten mixed
parameters, beside Optuna's default sampler on the same. Efficiency is T(1) / T(W) / W in virtual
time, for jobs of random length: 1 where no worker ever waits.
"""

from __future__ import annotations

import argparse
import heapq
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from offline.contest import Peer  # noqa: E402
from offline.problems import space_of  # noqa: E402

from mmar_automl.api import Controller  # noqa: E402
from mmar_automl.app.builtins import resolve  # noqa: E402
from mmar_automl.controllers.encoding import Encoding  # noqa: E402
from mmar_automl.defs import (  # noqa: E402
    Context,
    ContextKey,
    JobState,
    Outcome,
    Recommendation,
    SearchResult,
    SearchSpace,
)

SPACE = space_of(
    {f"f{n}": ("float", 0.0, 1.0, False) for n in range(4)}
    | {f"i{n}": ("int", 1, 500, n == 0) for n in range(3)}
    | {f"c{n}": ["a", "b", "c", "d"] for n in range(3)}
)
BUDGET = 100_000
CONTROLLERS: dict[str, Callable[[], Controller]] = {
    name: (lambda name=name: resolve("controller", name)(max_jobs=BUDGET))
    for name in ("AutoController", "BayesianController", "TPEController", "CmaEsController",
                 "SobolController", "RandomController")
} | {
    "Reinforcement classic": lambda: resolve("controller", "ReinforcementController")(
        max_rounds=1000
    ),
    "Reinforcement critic": lambda: resolve("controller", "ReinforcementController")(
        mode="critic", max_jobs=BUDGET
    ),
}  # fmt: skip


def history(jobs: int, cut: bool) -> list[Recommendation | Outcome]:
    """What a search of so many finished jobs has said."""
    source = np.random.default_rng(7)
    encoding = Encoding(SPACE)
    said: list[Recommendation | Outcome] = []
    for number, row in enumerate(encoding.from_cube(source.random((jobs, 10))), start=1):
        said.append(Recommendation(number, SearchResult(SPACE, encoding.values(row))))
        said.append(_outcome(number, float(-((row[:7] - 0.4) ** 2).sum() + row[7] / 10), cut))
    return said


def _outcome(number: int, value: float, cut: bool = False) -> Outcome:
    """With `cut` a pruner watches: every second job has trained 9 of 27 epochs."""
    state, given = JobState.FINISHED, {}
    if cut:
        trained = 9 if number % 2 else 27
        slow = 3.0 + number % 7
        curve = tuple((n, value - float(np.exp(-n / slow))) for n in range(1, trained + 1))
        given = {"curve": curve, "trained": trained, "max_epochs": 27}
        value = curve[-1][1]
        state = JobState.FINISHED if trained == 27 else JobState.PRUNED
    return Outcome(
        recommendation_id=number, job_name=f"J{number}", state=state, value=value, **given
    )


def latency(
    make: Callable[[], Controller], jobs: int, cut: bool
) -> tuple[float, float, float] | None:
    """Seconds to take up `jobs` jobs, of the first proposal after it, and of a later one.

    Between proposals the thread that fits has the time to end, as it has while jobs run. None for
    a controller that has to go its way again, call by call.
    """
    controller, context = make(), Context()
    controller.set_search_space(SPACE, context)
    said = history(jobs, cut)
    begun = time.process_time()
    more = controller.restore(said, context)
    taken_up = time.process_time() - begun
    if more is None:
        return None
    seconds = []
    for number in range(6):
        waiting = getattr(controller, "_inner", controller)
        fitting = getattr(getattr(waiting, "_expectation", None), "_fitting", None)
        if fitting is not None:
            fitting[1].result()
        last = more[-1]
        begun = time.process_time()
        more = controller.refine_recommendation(_outcome(last.id, 0.1 * number, cut), context)
        seconds.append(time.process_time() - begun)
        assert more
    controller.shutdown(context)
    return taken_up, seconds[0], statistics.median(seconds[1:])


def latency_by_calls(make: Callable[[], Controller], jobs: int) -> float:
    """Seconds of a proposal after `jobs` calls, for what cannot be given a history."""
    controller, context = make(), Context()
    controller.set_search_space(SPACE, context)
    queue = controller.initial_recommendation(context)
    encoding, seconds = Encoding(SPACE), [0.0]
    for _ in range(jobs):
        if not queue:
            break
        job = queue.pop(0)
        value = float(-((encoding.row(job.result.values)[:7] - 0.4) ** 2).sum())
        begun = time.process_time()
        queue += controller.refine_recommendation(_outcome(job.id, value), context)
        seconds.append(time.process_time() - begun)
    controller.shutdown(context)
    return statistics.median(seconds[-5:])


def peer(jobs: int) -> float:
    """Seconds of Optuna's default sampler after `jobs` jobs."""
    asking = Peer(lambda samplers: samplers.TPESampler(seed=0), SPACE)
    source = np.random.default_rng(7)
    optuna = __import__("optuna")
    trials = []
    for _ in range(jobs):
        params: dict[str, Any] = {}
        for key, distribution in asking._distributions.items():
            if hasattr(distribution, "choices"):
                params[key] = distribution.choices[source.integers(4)]
            elif isinstance(distribution, optuna.distributions.IntDistribution):
                params[key] = int(source.integers(1, 501))
            else:
                params[key] = float(source.random())
        value = float(source.random())
        trials.append(
            optuna.trial.create_trial(
                params=params, distributions=asking._distributions, value=value
            )
        )
    asking._study.add_trials(trials)
    seconds = []
    for number in range(5):
        begun = time.process_time()
        asking.ask()
        asking.tell(0.1 * number)
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds)


def makespan(make: Callable[[], Controller], space: SearchSpace, workers: int) -> float:
    """Virtual seconds until a budget of jobs has ended, on so many workers."""
    controller, context = make(), Context()
    context.set_prop(ContextKey.NUM_WORKERS, workers)
    controller.set_search_space(space, context)
    queue = list(controller.initial_recommendation(context))
    running: list[tuple[float, int, Recommendation]] = []
    now = 0.0
    while queue or running:
        while queue and len(running) < workers:
            job = queue.pop(0)
            length = float(np.random.default_rng(job.id).lognormal(0.0, 0.5))
            heapq.heappush(running, (now + length, job.id, job))
        now, _, job = heapq.heappop(running)
        queue += controller.refine_recommendation(_outcome(job.id, float(job.id % 7)), context)
    controller.shutdown(context)
    return now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="up to 5,000 finished jobs")
    parser.add_argument("--cut", action="store_true", help="half of the jobs were cut short")
    asked = parser.parse_args()
    sizes = [10, 100, 1000, 5000] if asked.large else [10, 100]
    print("Processor ms of a proposal after so many finished jobs (in brackets: first proposal")
    print("after taking the history up; seconds to take it up)\n")
    print("| | " + " | ".join(f"{size:,}" for size in sizes) + " |\n|---|" + "---|" * len(sizes))
    for name, make in CONTROLLERS.items():
        cells = []
        for size in sizes:
            found = latency(make, size, asked.cut) if size < 1000 or "critic" not in name else None
            if found is None and "critic" in name:
                cells.append("not offered")
            elif found is None:
                cells.append(f"{1000 * latency_by_calls(make, size):.1f}")
            else:
                taken_up, first, later = found
                cells.append(f"{1000 * later:.1f} ({1000 * first:.0f}; {taken_up:.2f} s)")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print("| Optuna TPE | " + " | ".join(f"{1000 * peer(size):.1f}" for size in sizes) + " |\n")
    print("| efficiency of 4 workers, 200 jobs | T(1) / T(4) / 4 |\n|---|---|")
    for name in ("AutoController", "TPEController", "CmaEsController", "RandomController"):
        make = lambda name=name: resolve("controller", name)(max_jobs=200)  # noqa: E731
        ratio = makespan(make, SPACE, 1) / makespan(make, SPACE, 4) / 4
        print(f"| {name} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    main()
