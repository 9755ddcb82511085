"""Search quality of the controllers on offline tables, beside Optuna's samplers.

    python bench/bench_controllers.py                     a small round, a minute or two
    python bench/bench_controllers.py run --out r.jsonl   the whole round; it can be cut off, and
                                                          goes on where it was
    python bench/bench_controllers.py report r.jsonl      the table

Regret is (best - incumbent's true score) / (best - median of random): 0 is the best that is known,
1 a random configuration. AutoSampler's rule (OptunaHub) is TPE where there is an enum and GP
elsewhere, so its row is made of theirs. The controllers were chosen on TUNED_ON with seeds below
100; REPORTED_ON and its seeds were not looked at before.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from offline.contest import Ours, Peer, Player, contest  # noqa: E402
from offline.problems import Problem, problem  # noqa: E402

from mmar_automl.app.builtins import resolve  # noqa: E402
from mmar_automl.defs import Choices, SearchSpace  # noqa: E402

TUNED_ON = ["hpolib-protein_structure", "hpobench-vehicle", "lcbench-189906", "xgb-12"]
REPORTED_ON = [
    "hpolib-slice_localization", "hpolib-naval_propulsion", "hpobench-segment", "hpobench-phoneme",
    "lcbench-7593", "xgb-40981",
]  # fmt: skip
SEEDS = range(200, 210)


def ours(name: str, **args: Any) -> Callable[[SearchSpace, int, int], Player]:
    def make(space: SearchSpace, seed: int, jobs: int) -> Player:
        return Ours(resolve("controller", name)(seed=seed, max_jobs=jobs, **args), space)

    return make


def peer(make: Callable[[Any, int], Any]) -> Callable[[SearchSpace, int, int], Player]:
    return lambda space, seed, _jobs: Peer(lambda samplers: make(samplers, seed), space)


PLAYERS: dict[str, Callable[[SearchSpace, int, int], Player]] = {
    "random": ours("RandomController"),
    "SobolController": ours("SobolController"),
    "TPEController": ours("TPEController"),
    "BayesianController": ours("BayesianController"),
    "CmaEsController": ours("CmaEsController"),
    "AutoController": ours("AutoController"),
    "Reinforcement classic": ours("ReinforcementController", max_rounds=100),
    "Reinforcement critic": ours("ReinforcementController", mode="critic"),
    "Reinforcement critic by product": ours(
        "ReinforcementController", mode="critic", enum="product"
    ),
    "Optuna TPE": peer(lambda samplers, seed: samplers.TPESampler(seed=seed)),
    "Optuna GP": peer(lambda samplers, seed: samplers.GPSampler(seed=seed)),
    "Optuna CMA-ES": peer(lambda samplers, seed: samplers.CmaEsSampler(seed=seed)),
}
RULE = "AutoSampler's rule"


def run(
    players: list[str], problems: list[str], seeds: range, jobs: int, out: Path, say: bool = True
) -> None:
    """Play what is not in `out` yet."""
    done = set()
    if out.exists():
        done = {(r["player"], r["problem"], r["seed"]) for r in _read([out])}
    made: dict[str, Problem] = {}
    for seed in seeds:
        for name in problems:
            for player in players:
                if (player, name, seed) in done:
                    continue
                task = made.setdefault(name, made.get(name) or problem(name))
                begun = time.perf_counter()
                played = contest(PLAYERS[player](task.space, seed, jobs), task, seed, jobs)
                row = {"player": player, "problem": name, "seed": seed, "best": task.best,
                       "median": task.median,
                       "enums": any(isinstance(p.domain, Choices) for p in task.space),
                       **played}  # fmt: skip
                with out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                if say:
                    print(
                        f"{player} on {name}, seed {seed}: {time.perf_counter() - begun:.1f} s",
                        file=sys.stderr,
                    )


def _read(files: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def report(files: list[Path], at: list[int]) -> str:
    """The tables in Markdown: paired blocks only, players that have them all."""
    from scipy.stats import rankdata

    rows = _read(files)
    best: dict[str, float] = {}
    for row in rows:
        best[row["problem"]] = max(best.get(row["problem"], -np.inf), row["best"], *row["trace"])
    regrets: dict[tuple[str, str, int], list[float]] = {}
    for row in rows:
        top = best[row["problem"]]
        key = (row["player"], row["problem"], row["seed"])
        regrets[key] = [(top - true) / (top - row["median"]) for true in row["trace"]]
        follows = "Optuna TPE" if row["enums"] else "Optuna GP"
        if row["player"] == follows:
            regrets[RULE, row["problem"], row["seed"]] = regrets[key]
    blocks = sorted({key[1:] for key in regrets})
    players = sorted({key[0] for key in regrets})
    players = [p for p in players if all((p, *block) in regrets for block in blocks)]
    problems = sorted({block[0] for block in blocks})
    text = ""
    for number in at:
        table = np.array([[regrets[(p, *block)][number - 1] for p in players] for block in blocks])
        ranks = np.apply_along_axis(rankdata, 1, table)
        source = np.random.default_rng(0)
        resampled = np.array(
            [ranks[source.integers(len(blocks), size=len(blocks))].mean(0) for _ in range(1000)]
        )
        low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
        medians = np.array(
            [
                [
                    np.median([regrets[(p, *b)][number - 1] for b in blocks if b[0] == name])
                    for name in problems
                ]
                for p in players
            ]
        )
        means = np.exp(np.log(np.maximum(medians, 1e-4)).mean(1))
        ratio = means / means[players.index("random")]
        text += (
            f"\n{number} evaluations, {len(blocks)} paired blocks ({len(problems)} problems)\n\n"
        )
        text += "| | mean rank (95 % CI) | median regret | ratio to random | "
        text += " | ".join(problems) + " |\n|---|" + "---|" * (3 + len(problems)) + "\n"
        for place in np.argsort(ranks.mean(0)):
            text += (
                f"| {players[place]} | {ranks[:, place].mean():.2f} "
                f"({low[place]:.2f}-{high[place]:.2f}) | {np.median(table[:, place]):.3f} "
                f"| {ratio[place]:.2f} | "
                + " | ".join(f"{value:.3f}" for value in medians[place])
                + " |\n"
            )
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["small", "run", "report"], nargs="?", default="small")
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--out", type=Path, default=Path("controllers.jsonl"))
    parser.add_argument("--players", default=",".join(PLAYERS))
    parser.add_argument("--problems", default=",".join(REPORTED_ON))
    parser.add_argument("--seeds", default=f"{SEEDS.start}-{SEEDS.stop - 1}")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--at", default="30,100")
    asked = parser.parse_args()
    at = [int(number) for number in asked.at.split(",")]
    if asked.what == "report":
        print(report(asked.files, at))
        return
    if asked.what == "run":
        first, last = map(int, asked.seeds.split("-"))
        run(
            asked.players.split(","), asked.problems.split(","), range(first, last + 1),
            asked.jobs, asked.out,
        )  # fmt: skip
        print(report([asked.out], [number for number in at if number <= asked.jobs]))
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "small.jsonl"
        quick = ["random", "AutoController", "Optuna TPE"]
        run(quick, REPORTED_ON, range(100, 102), 30, out, say=False)
        print(report([out], [30]))


if __name__ == "__main__":
    main()
