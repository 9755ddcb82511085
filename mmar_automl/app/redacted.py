"""A record without what names a patient's data: a page is made to be passed on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mmar_automl.app.kept import mmar_of
from mmar_automl.app.results import Run
from mmar_automl.defs import Choices, Parameter, SearchSpace
from mmar_automl.mmar.datalist import data_lists
from mmar_automl.mmar.redact import Redactor
from mmar_automl.reports.record import Record
from mmar_automl.reports.summary import Row

_BLIND = (
    "The ends of logs are not shown: the data list of this search cannot be read, so the names of "
    "patients could not be recognised in them."
)


def redacted(record: Record, found: Run) -> Record:
    """Every text that configs, trainings or a person wrote, without them, as MLflow gets it.

    Names of jobs and of parameters stay; so does what reads no data list.
    """
    redactor = Redactor(data_lists(mmar_of(found.layout, found.run)), found.journal.token)
    blind = redactor.blind and any(row.tail for row in record.report.rows)
    root = str(found.layout.root)

    @functools.cache
    def redact(text: str) -> str:
        return redactor(text).replace(root, "{MMAR_ROOT}")

    clean = _everywhere(redact)
    rows = tuple(_row(row, clean, redactor.blind) for row in record.report.rows)
    return replace(
        record,
        report=replace(record.report, rows=rows, reason=clean(record.report.reason)),
        base=clean(record.base),
        automl=clean(record.automl),
        overrides=clean(record.overrides),
        space=None if record.space is None else _space(record.space, clean),
        changes=None
        if record.changes is None
        else [
            replace(change, before=clean(change.before), after=clean(change.after))
            for change in record.changes
        ],
        facts=clean(record.facts),
        notes=[*clean(record.notes), *([_BLIND] if blind else [])],
    )


def _everywhere(redact: Callable[[str], str]) -> Callable[[Any], Any]:
    """The redaction of a text as one of any JSON value; keys stay."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, Mapping):
            return {key: clean(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(clean(item) for item in value)
        return value

    return clean


def _row(row: Row, clean: Callable[[Any], Any], blind: bool) -> Row:
    return replace(
        row,
        parameters=clean(row.parameters),
        message=clean(row.message),
        tail="" if blind else clean(row.tail),
    )


def _space(space: SearchSpace, clean: Callable[[Any], Any]) -> SearchSpace:
    return SearchSpace(tuple(_parameter(parameter, clean) for parameter in space))


def _parameter(parameter: Parameter, clean: Callable[[Any], Any]) -> Parameter:
    if not isinstance(parameter.domain, Choices):
        return replace(parameter, when=clean(parameter.when))
    options = tuple(clean(option) for option in parameter.domain.options)
    domain = replace(parameter.domain, options=options)
    return replace(parameter, domain=domain, when=clean(parameter.when))
