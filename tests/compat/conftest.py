"""An MMAR as it was written for Clara Train, with plug-ins and scripts in the manner of its day."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MadeMmar, MakeMmar, choices

BYOC = """\
from queue import PriorityQueue
from random import randint, uniform
import threading

import mlflow

from automl.components.controllers.controller import Controller
from automl.components.handlers.handler import Handler
from automl.defs import Context, ContextKey, Outcome, Recommendation, SearchResult, Status


class Draws(Controller):
    def __init__(self, max_rounds=1000):
        Controller.__init__(self)
        self.max_rounds = max_rounds
        self.next_id = 0
        self.done = PriorityQueue()

    def set_search_space(self, space, ctx):
        self.space = space
        self.choices = {k: v for k, v in space.targets.items() if ".enum" in k}
        self.ranges = {k: v for k, v in space.targets.items() if ".float" in k}

    def initial_recommendation(self, ctx):
        return self.draw()

    def refine_recommendation(self, outcome: Outcome, ctx: Context):
        self.done.put((-outcome.score, outcome.recommendation_id))
        if self.done.qsize() >= self.max_rounds:
            ctx.stop_work(self, "enough: {} jobs.".format(self.max_rounds))
            return []
        return self.draw()

    def draw(self):
        made = []
        for _ in range(self.max_rounds):
            values = {k: randint(0, len(v) - 1) for k, v in self.choices.items()}
            values.update({k: uniform(v[0].min, v[0].max) for k, v in self.ranges.items()})
            made.append(Recommendation(self.next_id, SearchResult(self.space, values)))
            self.next_id += 1
        return made


class Logs(Handler):
    def __init__(self, uri):
        Handler.__init__(self)
        self.uri = uri
        self.lock = threading.Lock()

    def startup(self, ctx):
        print("logs: startup")

    def start_job(self, ctx):
        first = ctx.get_prop("_recommendations")[0]
        print("logs: start", ctx.get_prop("_jobName"), first.result.dump())

    def round_ended(self, ctx):
        print("logs: round ended")

    def end_job(self, ctx):
        mlflow.set_tracking_uri(self.uri)
        with self.lock, mlflow.start_run():
            for key, value in ctx.get_prop(ContextKey.CONCRETE_SEARCH_VALUE).items():
                value = value[0]
                mlflow.log_param(key.split(":")[1], value)
            mlflow.log_metric("Acc", ctx.get_prop(ContextKey.SCORE))
        assert ctx.get_prop(ContextKey.JOB_STATUS) is Status.COMPLETED
        print("logs: end", ctx.get_prop(ContextKey.JOB_NAME))
"""
SET_ENV = """\
export PYTHONPATH="$(pwd)/../BYOC:$PYTHONPATH:/opt/nvidia"
DIR="$( cd "$( dirname "${BASH_SOURCE[0]}" )" >/dev/null 2>&1 && pwd )"
export MMAR_ROOT=${DIR}/..
"""
SEARCH = """\
clear
my_dir="$(dirname "$0")"
. $my_dir/set_env.sh
additional_options="$*"
rm -R $MMAR_ROOT/runs/$1
python -u -m medl.apps.automl.train \\
    -m $MMAR_ROOT \\
    --automlconf $2 \\
    --set \\
    run_id=$1 \\
    trainconf=$1.json \\
    workers=0:0:0:0 \\
    traceout=both \\
    ${additional_options}
"""
ADMIN = """\
python -m dlmed.hci.tools.admin --host localhost --port 33330 --prompt 'AutoML> '
"""
ROUND = """\
my_dir="$(dirname "$0")"
. $my_dir/set_env.sh
additional_options="$*"
rm -R ${MMAR_ROOT}/eval
python3 -u $MMAR_ROOT/custom/stand_in.py $MMAR_ROOT ${additional_options}
"""


class OldMmar(MadeMmar):
    """Its scripts, run from `commands/`, as a notebook did."""

    def script(self, name: str, *words: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", f"./{name}", *words],
            cwd=self.root / "commands",
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            **kwargs,
        )

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        hidden = {"CUDA_VISIBLE_DEVICES": "", "PATH": path}
        return {**os.environ, **hidden, "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture
def old_mmar(make_mmar: MakeMmar, tmp_path: Path) -> OldMmar:
    """The MMAR, with a config for enums (`switches`) and one for a float (`rates`)."""
    made = OldMmar(make_mmar({}).root)
    (made.root / "config/config_train.json").unlink()
    (made.root / "BYOC").mkdir()
    (made.root / "BYOC/mine.py").write_text(BYOC)
    scripts = {
        "set_env.sh": SET_ENV,
        "search.sh": SEARCH,
        "admin.sh": ADMIN,
        "automl_train_round.sh": ROUND,
    }
    for name, text in scripts.items():
        (made.root / "commands" / name).write_text(text)
    pair = {
        "domain": "transform",
        "type": "enum",
        "args": ["first", "second"],
        "targets": [[True, False], [False, True]],
    }
    made.write("config/switches.json", {"search": [pair, choices("score", [0.3, 0.6])]})
    rate = {"domain": "lr", "type": "float", "args": ["rate"], "targets": [0.1, 0.9]}
    made.write("config/rates.json", {"search": [rate]})
    made.write(
        "config/config_mine.json",
        {
            "handlers": [
                {
                    "name": "MMARHandler",
                    "args": {
                        "num_mmars_to_keep": 30,
                        "stop_threshold": 1.0,
                        "train_config_file": "{trainconf}",
                        "work_dir": str(made.root / "runs"),
                        "key_mmar_content_only": True,
                    },
                },
                {"name": "StatsHandler"},
                {"name": "MMARStatsHandler"},
                {"path": "mine.Logs", "args": {"uri": f"sqlite:///{tmp_path}/theirs.db"}},
            ],
            "executor": {
                "name": "MMARExecutor",
                "args": {"msg_destination": "file", "remove_search_augs": True},
            },
            "controller": {"name": "mine", "path": "mine.Draws", "args": {"max_rounds": 4}},
        },
    )
    return made
