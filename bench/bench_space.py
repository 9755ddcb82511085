"""How long a large config takes to validate, and an ordinary one to apply a recommendation to.

The aims: 2,000 components with 500 search entries in under a second, once without a fault and once
with one in every entry; a recommendation in under 5 ms. Fails where an aim is missed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmar_automl.app.check import check
from mmar_automl.defs import SearchResult
from mmar_automl.search.apply import apply
from mmar_automl.search.count import count
from mmar_automl.search.parse import parse

CLARA = Path(__file__).parents[1] / "tests/mmars/clara/pytorch/config"
COMPONENTS, ENTRIES = 2000, 500


def large(*, faulty: bool = False) -> dict[str, Any]:
    """Every fourth component is searched, and the next one applies its alias."""
    slip = "x" if faulty else ""
    transforms: list[dict[str, Any]] = []
    for number in range(COMPONENTS // 4):
        kind = number % 3
        args: dict[str, Any] = {"keys": "image", "prob": 0.5, "offsets": 0.1}
        body: dict[str, Any] = {"name": "RandShiftIntensityd", "args": args}
        entry: dict[str, Any] = {"domain": "transform", "type": "enum"}
        if kind == 0:
            entry |= {"type": "float", "args": [f"prob#p{number}"], "targets": [0, 1]}
        elif kind == 1:
            entry |= {"args": [f"@disabled#p{number}"], "targets": [[True], [False]]}
        else:
            entry |= {"args": ["offsets"], "targets": [[0.1], [0.2]]}
        body["search"] = [entry]
        follower: dict[str, Any] = {"name": "RandFlipd", "args": {"prob": 0.1, "keys": ["image"]}}
        if kind < 2:
            target = "@disabled" if kind else "prob"
            follower["apply"] = {target: f"p{number}{slip}"}
        elif faulty:
            entry["args"] = ["offset"]
        plain = {"name": "ScaleIntensityd", "args": {"keys": ["image", "label"], "maxv": 1.0}}
        transforms += [body, follower, plain, plain]
    return {"epochs": 4, "num_interval_per_valid": 1, "train": {"pre_transforms": transforms}}


def write(root: Path, config: dict[str, Any]) -> None:
    for folder in ("config", "commands"):
        (root / folder).mkdir(parents=True)
    (root / "config/config_train.json").write_text(json.dumps(config, indent=2))
    (root / "commands/automl_train_round.sh").write_text("#!/bin/bash\nmmar-automl train\n")


def best_of(times: int, run: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> int:
    missed = 0

    def say(what: str, seconds: float, aim: float | None = None) -> None:
        nonlocal missed
        unit = f"{seconds * 1000:8.1f} ms"
        verdict = "" if aim is None else f"   (aim: under {aim * 1000:g} ms)"
        if aim is not None and seconds >= aim:
            missed += 1
            verdict += "   MISSED"
        print(f"{what:<58}{unit}{verdict}")

    with tempfile.TemporaryDirectory() as folder:
        good, bad = Path(folder) / "good", Path(folder) / "bad"
        write(good, large())
        write(bad, large(faulty=True))
        assert len(check(good).space) == ENTRIES
        say(f"check {COMPONENTS} components, {ENTRIES} entries", best_of(3, lambda: check(good)), 1)
        say("the same with a fault in every entry", best_of(3, lambda: check(bad)), 1)
        argv = [sys.executable, "-m", "mmar_automl", "validate", str(good)]
        say("validate, as a command", best_of(3, lambda: subprocess.run(argv, check=True,
            stdout=subprocess.DEVNULL)), 1)  # fmt: skip
        space = parse(large())
        say("count its configurations", best_of(3, lambda: count(space)))

    config = json.loads((CLARA / "trn_autoML_Enum.json").read_text())
    ordinary = parse(config)
    result = SearchResult(ordinary, {parameter.key: 1 for parameter in ordinary})
    taken = [best_of(1, lambda: apply(config, result)) for _ in range(200)]
    say("apply a recommendation to Clara's Enum example, median", statistics.median(taken), 0.005)
    huge = large()
    values = {parameter.key: 0 for parameter in space}
    say(
        "the same to the large config", best_of(3, lambda: apply(huge, SearchResult(space, values)))
    )
    return missed


if __name__ == "__main__":
    sys.exit(main())
