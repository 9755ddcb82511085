"""What handlers hear: in which order, in which thread, and what they find in the context."""

from __future__ import annotations

import json
from collections import Counter

from tests.conftest import MakeMmar, searching

RECORDER = """\
import json, os, threading
from automl.components.handlers.handler import Handler
from automl.defs import ContextKey


class Recorder(Handler):
    shared = []

    def __init__(self, name, spoils=False):
        self.name, self.spoils = name, spoils

    def handle_event(self, event, ctx):
        line = {
            "who": self.name, "event": event, "thread": threading.current_thread().name,
            "job": ctx.get_prop("_jobName"), "score": ctx.get_prop("_score"),
            "status": str(ctx.get_prop("_jobStatus")),
            "values": ctx.get_prop("_concreteSearchValue"),
            "numbers": len(ctx.get_prop("_recommendations", [])),
            "note": ctx.get_prop("note"),
        }
        with open(os.path.join(os.environ["MMAR_ROOT"], "heard.jsonl"), "a") as file:
            file.write(json.dumps(line) + "\\n")
        if event == "startup":
            ctx.set_prop("note", "from the main context")
        if event == "start_job" and self.spoils:
            for value in ctx.get_prop("_concreteSearchValue").values():
                value.clear() if isinstance(value, list) else None
            ctx.get_prop("_recommendation").result.values.clear()
            ctx.get_prop("_recommendations").clear()
"""


def test_every_start_has_an_end_whatever_becomes_of_the_job(make_mmar: MakeMmar) -> None:
    """Ended well, crashed, killed, timed out, without a score: end_job comes, in the job's own
    thread, with SCORE, JOB_STATUS and CONCRETE_SEARCH_VALUE."""
    behaviours = ["succeed", "crash", "kill", "hang", "silent"]
    mmar = make_mmar(
        searching(behaviour=behaviours),
        handlers=[{"path": "rec.Recorder", "args": {"name": name}} for name in ("a", "b")],
    )
    (mmar.root / "custom/rec.py").write_text(RECORDER)
    done = mmar.search("--retries", "0", "--job-timeout", "2", workers="cpu:cpu")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (mmar.root / "heard.jsonl").read_text().splitlines()]
    first = [line for line in lines if line["who"] == "a"]
    count = Counter(line["event"] for line in first)
    assert count["start_job"] == count["end_job"] == 5
    assert count["round_ended"] == 1
    order = [line["event"] for line in first if line["job"] is None]
    assert order == [
        "startup",
        "start_automl",
        "search_space_available",
        "recommendations_available",
        "round_ended",
        "end_automl",
        "shutdown",
    ]
    ends = {line["values"]["net.enum$0:behaviour"][0]: line for line in first if line["score"]}
    assert ends["succeed"]["score"] == 0.5
    assert {ends[name]["score"] for name in behaviours[1:]} == {-1000000.0}
    assert ends["crash"]["status"] == "Status.FAILED"
    assert ends["succeed"]["status"] == ends["silent"]["status"] == "Status.COMPLETED"
    assert all(line["thread"] == line["job"] for line in first if line["job"])
    assert {line["thread"] for line in first if not line["job"]} == {"MainThread"}
    assert all(line["note"] for line in first if line["event"] != "startup")
    # One at a time and in order; backwards at the end.
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert all((one["event"], one["job"]) == (two["event"], two["job"]) for one, two in pairs)
    assert [line["who"] for line in lines[-2:]] == ["b", "a"]


def test_what_one_handler_spoils_is_its_own(make_mmar: MakeMmar) -> None:
    """Changing what it was given changes neither the job nor what another handler or the
    journal has; each handler is an object of its own."""
    mmar = make_mmar(
        searching(score=[0.1, 0.9], channels=[[4, 8]]),
        handlers=[
            {"path": "rec.Recorder", "args": {"name": "a", "spoils": True}},
            {"path": "rec.Recorder", "args": {"name": "b"}},
        ],
    )
    (mmar.root / "custom/rec.py").write_text(RECORDER)
    done = mmar.search(workers="cpu")
    assert done.returncode == 0, done.stderr
    assert {job["score"] for job in mmar.report()["jobs"]} == {0.1, 0.9}
    assert mmar.read("automl/run_a/W1_1_J1/config/config_train.json")["channels"] == [4, 8]
