"""`--workers` in Clara's syntax."""

from __future__ import annotations

import pytest

from mmar_automl.api import Worker
from mmar_automl.engine.workers import parse_workers, visible_devices
from mmar_automl.errors import BadInput


@pytest.mark.parametrize(
    ("spec", "gpus", "expected"),
    [
        ("0:0:1,2", 3, [(0,), (0,), (1, 2)]),
        ("0:1:2:3", 4, [(0,), (1,), (2,), (3,)]),
        ("0,1:2,3", 4, [(0, 1), (2, 3)]),
        ("cpu:cpu", 0, [(), ()]),
        ("cpu:0", 1, [(), (0,)]),
        (" 0 : 1 ", 2, [(0,), (1,)]),
        (None, 0, [()]),
        (None, 2, [(0,), (1,)]),
    ],
)
def test_the_spec_gives_a_worker_for_each_part(
    spec: str | None, gpus: int, expected: list[tuple[int, ...]]
) -> None:
    """Colons between workers, commas between the GPUs of one."""
    workers, notices = parse_workers(spec, gpus)
    assert [worker.gpus for worker in workers] == expected
    assert [worker.name for worker in workers] == [f"W{n + 1}" for n in range(len(expected))]
    assert notices == []


def test_indices_run_on_cpu_where_there_is_no_gpu() -> None:
    """With one notice."""
    workers, notices = parse_workers("0:0:1", 0)
    assert workers == [Worker("W1"), Worker("W2"), Worker("W3")]
    assert len(notices) == 1


def test_an_index_that_does_not_exist_is_refused() -> None:
    """Where there are GPUs, a wrong index is a mistake and not a wish."""
    with pytest.raises(BadInput, match="there is no GPU 5; 2 visible: 0, 1"):
        parse_workers("0:5", 2)


def test_a_bare_number_is_an_index_and_says_so() -> None:
    """`--workers 4` is easily meant as four workers."""
    workers, notices = parse_workers("4", 8)
    assert [worker.gpus for worker in workers] == [(4,)]
    assert notices == ["--workers 4 is one worker on GPU 4, not 4 workers"]


@pytest.mark.parametrize("spec", ["0::1", "a", "0,0", "", ":", "cpu,0", "0.5", "-1", "²"])
def test_a_malformed_spec_is_refused_with_an_example(spec: str) -> None:
    """The message names the part, the hint shows what is meant."""
    with pytest.raises(BadInput) as refused:
        parse_workers(spec, 4)
    assert "cpu:cpu" in refused.value.hint


def test_indices_count_in_the_parents_visible_devices() -> None:
    """UUIDs and MIG instances pass through."""
    assert visible_devices(Worker("W1", (1, 0)), ["2", "GPU-8f"]) == "GPU-8f,2"
    assert visible_devices(Worker("W1"), ["2"]) == ""
