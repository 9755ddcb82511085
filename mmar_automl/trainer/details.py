"""The key metric case by case and class by class, where the metric keeps that."""

from __future__ import annotations

import logging
import math
from typing import Any

from mmar_automl.trainer import distributed
from mmar_automl.trainer.distributed import Place
from mmar_automl.trainer.faults import file_of

log = logging.getLogger("mmar_automl.trainer")


class Details:
    """Listens to an evaluator and tells what its key metric is made of.

    `first_class` is the class of the metric's first value: 1 where it leaves out the background.
    """

    def __init__(self, place: Place, first_class: int = 0) -> None:
        self._place = place
        self._first_class = first_class
        self._files: list[str | None] = []
        self._told: set[str] = set()

    def attach(self, evaluator: Any) -> None:
        """Note the cases as they come."""
        from ignite.engine import Events

        evaluator.add_event_handler(Events.EPOCH_STARTED, lambda _: self._files.clear())
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, self._note_cases)

    def read(self, evaluator: Any) -> dict[str, Any]:
        """`per_class`, `per_case` and `empty_references` of the validation that has just ended.

        Nothing where the metric keeps no values by case. All processes must call it.
        """
        files = [file for each in distributed.gather(self._files, self._place) for file in each]
        metric = evaluator.state.key_metric_name
        table = _table(evaluator.state.metric_details.get(metric))
        if not table:
            return {}
        names = [str(self._first_class + index) for index in range(len(table[0]))]
        columns = {
            name: [value for row in table if (value := row[i]) is not None]
            for i, name in enumerate(names)
        }
        found: dict[str, Any] = {
            "per_class": {
                name: sum(values) / len(values) if values else None
                for name, values in columns.items()
            },
            "per_case": [
                {
                    "case": files[index] if len(files) == len(table) else None,
                    "values": dict(zip(names, row, strict=True)),
                }
                for index, row in enumerate(table)
            ],
        }
        empty = {name: len(table) - len(values) for name, values in columns.items()}
        if any(empty.values()):
            found["empty_references"] = {name: n for name, n in empty.items() if n}
            self._tell(str(metric), found["empty_references"], len(table))
        return found

    def _note_cases(self, engine: Any) -> None:
        batch = engine.state.batch
        cases = batch if isinstance(batch, list) else [batch]
        self._files += [file_of(case) for case in cases]

    def _tell(self, metric: str, empty: dict[str, int], cases: int) -> None:
        if not self._place.is_first or metric in self._told:
            return
        self._told.add(metric)
        counts = ", ".join(f"class {name} in {n}" for name, n in empty.items())
        log.warning(
            "%s has no finite value for %s of %s cases (often: the reference there is empty); "
            "they do not count in the means by class",
            metric, counts, cases,
        )  # fmt: skip


def _table(details: Any) -> list[list[float | None]]:
    """Rows of cases with a value for each class; None for what is no finite number."""
    if details is None or not hasattr(details, "ndim"):
        return []
    values = details.detach().cpu() if hasattr(details, "detach") else details
    if values.ndim == 1:
        values = values.reshape(-1, 1)
    if values.ndim != 2 or not values.shape[0] or not values.shape[1]:
        return []
    return [[v if math.isfinite(v) else None for v in row] for row in values.tolist()]
