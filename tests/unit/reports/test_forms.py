"""The report's other forms, and the claims in them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import time

import numpy as np
import plotly.graph_objects as go
import pytest

from mmar_automl.app.record import read_record
from mmar_automl.app.results import read_run
from mmar_automl.defs import FailureClass, JobState
from mmar_automl.reports import charts, charts_parameters, evidence, importance, tabular
from mmar_automl.reports.axes import Axis, read_axes
from mmar_automl.reports.html import MEANINGS, render
from mmar_automl.reports.methods import methods
from mmar_automl.reports.record import Record
from mmar_automl.reports.words import shortened
from tests.made_run import HOSTILE, make_run


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Sixty jobs with failures, pruned ones and retries; four of one configuration."""
    root = tmp_path_factory.mktemp("made") / "mmar"
    make_run(root, 60, repeats=4)
    return read_record(read_run(root, None), time.time())


def scores_of(record: Record) -> dict[str, float]:
    return {
        row.name: row.score
        for row in record.report.rows
        if row.state is JobState.FINISHED and row.score is not None
    }


def test_the_figures_of_orientation_are_what_a_simulation_gives() -> None:
    """Qualities Exp(0.03) apart, 32 configurations, the best observed one taken."""
    chance = np.random.default_rng(0)
    quality = -chance.exponential(0.03, (20_000, 32))
    for spread, told in ((0.006, 0.008), (0.012, 0.020)):
        observed = quality + chance.normal(0, spread, quality.shape)
        won = observed.argmax(1)[:, None]
        optimism = np.take_along_axis(observed - quality, won, 1).mean()
        assert optimism == pytest.approx(told, abs=0.0006)
        assert f"{told:.3f}" in evidence.ORIENTATION


def test_the_evidence_counts_repeated_configurations_and_their_spread(record: Record) -> None:
    """The pooled standard deviation is that of the scores which one configuration got."""
    found = evidence.weigh(record.report)
    assert (found.jobs, found.scored) == (60, len(record.report.scored))
    (repeat,) = found.repeats
    assert len(repeat.scores) >= 3
    assert found.spread == pytest.approx(np.std(repeat.scores, ddof=1))
    assert found.margin == pytest.approx(2 * (found.spread or 0))
    assert "is optimistic" in evidence.in_a_line(found)
    assert f"scatter by {found.spread:.4f}" in evidence.in_a_line(found)


def test_without_repeats_the_spread_is_said_to_be_unknown(record: Record) -> None:
    """Not nought."""
    rows = tuple(
        dataclasses.replace(row, parameters={**row.parameters, "n": number})
        for number, row in enumerate(record.report.rows)
    )
    found = evidence.weigh(dataclasses.replace(record.report, rows=rows))
    assert found.spread is None
    assert "no configuration was trained twice" in evidence.in_a_line(found)
    none = evidence.weigh(dataclasses.replace(record.report, rows=(), best=None))
    assert evidence.in_a_line(none) == ""
    assert evidence.sentences(none) == ["No job has a score, so nothing can be claimed."]


def test_importance_finds_what_moves_the_score(record: Record) -> None:
    """The learning rate does; the conditional parameter is weighed where it is active."""
    axes = read_axes(record.report.rows, record.space)
    found = importance.weigh(axes, scores_of(record))
    shares = {share.name: share for share in found.shares}
    assert found.shares[0].name == "learning_rate"
    assert shares["momentum"].jobs < shares["learning_rate"].jobs
    for share in found.shares:
        assert 0 <= share.least <= share.share <= share.greatest <= 1
    assert "Rough" in found.note


def test_importance_says_when_there_are_too_few_jobs() -> None:
    """It shows nothing rather than noise."""
    jobs = [f"J{number}" for number in range(9)]
    axis = Axis(name="x", values={job: float(n) for n, job in enumerate(jobs)}, low=0, high=9)
    found = importance.weigh([axis], {job: float(n) for n, job in enumerate(jobs)})
    assert found.shares == ()
    assert "Too few jobs" in found.note
    assert "10 at least" in found.note


def test_charts_are_what_plotly_accepts(record: Record) -> None:
    """Plotly's own validator takes every figure."""
    axes = read_axes(record.report.rows, record.space)
    found = [
        charts.over_time(record),
        charts.learning_curves(record),
        charts.timeline(record),
        charts.best_by_job([record.report, record.report]),
        charts_parameters.parallel(record.report, axes),
        charts_parameters.importance(importance.weigh(axes, scores_of(record))),
        *(chart for _, chart in charts_parameters.slices(record.report, axes)),
    ]
    assert len(found) == 6 + 5
    for chart in found:
        assert chart is not None
        go.Figure(data=chart.data, layout=chart.layout)
        assert HOSTILE not in json.dumps([chart.data, chart.layout])


def test_the_page_holds_values_as_text_only(record: Record) -> None:
    """A value that would end the script element does not; nothing is fetched."""
    page = render([record])
    assert HOSTILE not in page
    assert page.count("</script>") == 3
    assert "default-src 'none'" in page
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in page
    assert len(page) < 10_000_000


def test_the_page_has_no_place_of_the_machine(record: Record) -> None:
    """It is made to be passed on."""
    assert str(record.report.folder.parent) not in render([record])


def test_csv_has_a_row_for_each_job_and_a_column_for_each_parameter(record: Record) -> None:
    """A parameter that had no effect is an empty field."""
    rows = list(csv.DictReader(io.StringIO(tabular.to_csv([record.report]))))
    assert len(rows) == 60
    by_name = {row["job"]: row for row in rows}
    for row in record.report.rows:
        told = by_name[row.name]
        assert told["score"] == ("" if row.score is None else repr(row.score))
        assert (told["params.momentum"] == "") == ("momentum" not in row.parameters)
    assert {row["params.note"] for row in rows} == {"plain", HOSTILE}


def test_markdown_is_one_table_and_escapes(record: Record) -> None:
    """Every job is a line with the same number of cells."""
    text = tabular.to_markdown(record)
    table = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 62
    assert len({line.count("|") for line in table}) == 1
    assert "<img" not in text.replace("\\<", "")


def test_methods_are_complete(record: Record) -> None:
    """The figures are filled in."""
    words = methods(record)
    for part in (
        "mmar-automl 0.1.0 (RandomController(max_jobs=60, seed=0))",
        "learning_rate (1e-05 to 0.1, log scale)",
        "60 configurations were trained",
        "at most 20 epochs",
        f"reached {record.report.winner.score:.4f}",  # type: ignore[union-attr]
        "on 4 workers",
        "GPU hours",
        "determinism.random_seed = 7",
        "optimistic",
    ):
        assert part in words
    told = methods(dataclasses.replace(record, overrides={"epochs": 3}))
    assert "at most 3 epochs" in told


def test_every_failure_class_has_a_meaning() -> None:
    """A new one must be explained."""
    assert set(MEANINGS) == set(FailureClass)


def test_long_values_that_differ_in_the_middle_look_different() -> None:
    """A hash of the whole stands where the middle was, if there is room for one."""
    values = [json.dumps([*range(500), odd, *range(500)]) for odd in (7, 8)]
    shown = [shortened(value, 400) for value in values]
    assert [len(text) for text in shown] == [400, 400]
    assert len(set(shown)) == 2
    assert len(shortened(values[0], 12)) == 12
    assert shortened("short", 400) == "short"
