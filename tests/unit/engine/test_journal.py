"""The journal on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmar_automl.defs import FailureClass, JobState, RunState
from mmar_automl.engine.events import (
    JobEnded,
    Proposal,
    RecommendationsMade,
    RunEnded,
    RunStarted,
    from_json,
)
from mmar_automl.engine.journal import Journal, TornJournal, read_journal

EVENTS = [
    RunStarted(
        run_id="läsion 1",
        token="t",
        workers=(("W1", (0, 1)), ("W2", ())),
        controller="Grid",
        version="1",
        host="h",
        pid=7,
        process_started=1.5,
        time=2.0,
    ),
    RecommendationsMade(
        proposals=(Proposal(id=1, values={"a": 1.5}, parameters={"x": [1, None, "é", True]}),),
        after=None,
        time=3.0,
    ),
    JobEnded(
        job="W1_1_J1",
        state=JobState.FAILED,
        failure=FailureClass.KILLED,
        exit_status=-9,
        message="m",
        tail="a\nb\u2028c",
        time=4.0,
    ),
    RunEnded(state=RunState.FINISHED, reason="r", time=5.0),
]


def write(path: Path) -> None:
    journal = Journal(path)
    for event in EVENTS:
        journal.append(event)
    journal.close()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Every field and type of every event, line breaks in texts included."""
    write(tmp_path / "journal.jsonl")
    assert read_journal(tmp_path / "journal.jsonl") == EVENTS


def test_events_are_readable_before_the_journal_is_closed(tmp_path: Path) -> None:
    """A report of a running search reads the same file."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(EVENTS[0])
    assert read_journal(tmp_path / "journal.jsonl") == EVENTS[:1]
    journal.close()


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    """Two searches with one id: the second is refused."""
    write(tmp_path / "journal.jsonl")
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "journal.jsonl")


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_torn_last_line_is_left_out(tmp_path: Path, cut: int) -> None:
    """As a crash leaves it."""
    path = tmp_path / "journal.jsonl"
    write(path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_journal(path) == EVENTS[:-1]


def test_anything_else_that_is_no_event_is_refused_with_its_line(tmp_path: Path) -> None:
    """A damaged journal is not half believed."""
    path = tmp_path / "journal.jsonl"
    write(path)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([lines[0], "not json", *lines[1:]]))
    with pytest.raises(TornJournal, match="line 2"):
        read_journal(path)


def test_an_unknown_event_is_an_error() -> None:
    """A journal of a later version is not understood by halves."""
    with pytest.raises(ValueError, match="no event is called 'Later'"):
        from_json({"event": "Later"})
