"""Many jobs: the search process must not grow with what it has done."""

from __future__ import annotations

import time

import psutil
import pytest

from mmar_automl.engine.journal import read_journal
from mmar_automl.engine.state import replay
from tests.conftest import MakeMmar


@pytest.mark.slow
def test_two_thousand_jobs_on_four_workers(make_mmar: MakeMmar) -> None:
    """Every job accounted for; from a quarter on, memory grows by the outcomes alone."""
    jobs = 2000
    entry = {"args": ["n"], "type": "int", "domain": "net", "targets": [1, jobs]}
    mmar = make_mmar(
        {"search": [entry], "score": 0.5},
        controller={"name": "GridController", "args": {"num": jobs}},
        handlers=[{"name": "MMARHandler", "args": {"num_mmars_to_keep": 5}}],
    )
    (mmar.root / "commands/automl_train_round.sh").write_text(
        "sleep 0.05; printf '{\"best_validation_metric\": 0.5}' "
        '> "$MMAR_ROOT/models/train_stats.json"'
    )
    log = (mmar.root / "out.txt").open("w")
    search = psutil.Popen(
        mmar.argv("run", "{root}", "--no-mlflow", "--workers", "cpu:cpu:cpu:cpu"),
        stdout=log,
        stderr=log,
    )
    journal = mmar.root / "automl/run_a/journal.jsonl"
    early = 0.0
    highest = 0.0
    while search.poll() is None:
        time.sleep(0.5)
        try:
            highest = search.memory_info().rss / 2**20
        except psutil.Error:
            break
        if not early and journal.exists():
            ended = journal.read_text().count('"JobEnded"')
            early = highest if ended > jobs / 4 else 0.0
    log.close()
    assert search.wait() == 0
    state = replay(read_journal(journal))
    assert len(state.jobs) == jobs
    assert {str(job.state) for job in state.jobs.values()} == {"finished"}
    assert early > 0
    assert highest - early < 12
