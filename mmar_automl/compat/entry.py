"""Clara's programs, each in the words of ours. Which one stands for which is said once."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mmar_automl.byoc import give_way

_TF_EXPORT = {
    "--model_file_format": 1,
    "--model_name": 1,
    "--input_node_names": 1,
    "--output_node_names": 1,
    "--trt_min_seg_size": 1,
}
"""Options of 3.x's export that speak of TensorFlow graphs, and how many words follow each."""


def train(name: str = "medl.apps.train") -> NoReturn:
    """`medl.apps.train` is `mmar-automl train`."""
    _become(name, ["train", *_without_rank(sys.argv[1:])])


def evaluate(name: str = "medl.apps.evaluate") -> NoReturn:
    """`medl.apps.evaluate` is `mmar-automl evaluate`."""
    _become(name, ["evaluate", *_without_rank(sys.argv[1:])])


def export(name: str = "medl.apps.export") -> NoReturn:
    """`medl.apps.export` is `mmar-automl export`; what 3.x said of its graph is left out."""
    words, rest = list(sys.argv[1:]), []
    while words:
        word = words.pop(0)
        if word in _TF_EXPORT:
            del words[: _TF_EXPORT[word]]
        else:
            rest.append("--model_path" if word == "--model_file_path" else word)
    _become(name, ["export", *rest])


def search(name: str = "medl.apps.automl.train") -> NoReturn:
    """`medl.apps.automl.train` is `mmar-automl run`, with the words of its `--set` as options."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", allow_abbrev=False)
    parser.add_argument("-m", "--mmar", required=True, metavar="ROOT", help="the MMAR's folder")
    parser.add_argument(
        "--automlconf", metavar="FILE", help="a file in config/ instead of config_automl.json"
    )
    parser.add_argument(
        "--set",
        nargs="*",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="run_id, workers, trainconf, traceout, engTrace, and variables",
    )
    given, others = parser.parse_known_args()
    _become(name, run_words(given.mmar, given.automlconf, given.set, others))


def admin(name: str = "dlmed.hci.tools.admin") -> NoReturn:
    """`dlmed.hci.tools.admin` is `mmar-automl admin`, of the MMAR that is being worked in."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", allow_abbrev=False)
    parser.add_argument("--host", default="localhost", help="accepted; the search is found by MMAR")
    parser.add_argument("--port", help="accepted; the search is found by its MMAR")
    parser.add_argument("--prompt", default="AutoML> ", help="what stands before a command")
    given = parser.parse_args()
    root = find_mmar(os.environ.get("MMAR_ROOT"), Path.cwd())
    if root is None:
        parser.error(
            "no MMAR here: set MMAR_ROOT, or go into the MMAR's folder; the console of a search is "
            "found through its MMAR, not by host and port"
        )
    _become(name, ["admin", str(root), "--prompt", given.prompt])


def run_words(
    root: str, automlconf: str | None, settings: Sequence[str], others: Sequence[str] = ()
) -> list[str]:
    """The words of `mmar-automl run`. `run_id` and `workers` stay the text that they are.

    A word of `--set` without `=` is a script's own argument that has strayed there.
    """
    words = ["run", root]
    if automlconf:
        # 3.x's scripts gave it with its folder.
        words += ["--automlconf", automlconf.removeprefix("config/")]
    for word in settings:
        key, equals, value = word.partition("=")
        if not equals or not key:
            continue
        if key in ("run_id", "workers"):
            words += [f"--{key.replace('_', '-')}", value]
        elif key == "traceout":
            words += ["--traceout", value]
        elif key == "engTrace":
            words += ["--trace-file", value]
        else:
            words += ["--set", word]
    return [*words, *others]


def find_mmar(told: str | None, here: Path) -> Path | None:
    """`told` if it is an MMAR, else the nearest one at or above `here`."""
    for folder in (*([Path(told)] if told else []), here, *here.parents):
        if (folder / "config").is_dir() and (folder / "commands").is_dir():
            return folder.resolve()
    return None


def _without_rank(words: Sequence[str]) -> list[str]:
    """What `torch.distributed.launch` adds for each process stands in LOCAL_RANK as well."""
    kept = []
    for word in words:
        option, _, number = word.partition("=")
        if option in ("--local_rank", "--local-rank") and number:
            os.environ.setdefault("LOCAL_RANK", number)
        else:
            kept.append(word)
    return kept


def _become(name: str, words: list[str]) -> NoReturn:
    give_way()
    sys.stderr.write(f"{name}: this is mmar-automl {shlex.join(words)}\n")
    sys.stderr.flush()
    sys.argv = ["mmar-automl", *words]
    from mmar_automl.cli import main

    main()
    sys.exit()
