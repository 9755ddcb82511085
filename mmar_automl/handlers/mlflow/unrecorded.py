"""`--no-mlflow`: what a search was is kept in its folder all the same, for the report."""

from __future__ import annotations

import threading
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey
from mmar_automl.handlers.mlflow import facts
from mmar_automl.handlers.mlflow.ledger import Ledger, read_ledger
from mmar_automl.handlers.mlflow.notes import Note
from mmar_automl.mmar.datalist import data_lists
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar


class Unrecorded(Handler):
    """Writes tracking.json, and nothing to MLflow.

    One that an earlier process of the search has written for MLflow stays: `sync` needs it.
    """

    def __init__(self) -> None:
        self._ledger = Ledger(recorded=False)
        self._run: RunLayout | None = None
        self._thread: threading.Thread | None = None

    def start_automl(self, ctx: Context) -> None:
        """Keep what the configs say; what takes a while to find out, by a thread."""
        self._run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
        before = read_ledger(self._run)
        if before is not None and before.recorded:
            self._run = None
            return
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        run_id = str(ctx.get_prop(ContextKey.RUN_ID))
        workers, count = ctx.get_prop(ContextKey.WORKERS, []), ctx.get_prop(ContextKey.NUM_WORKERS)
        limits = ctx.get_prop(ContextKey.LIMITS, {})
        self._keep(facts.of_search(mmar, run_id, workers, count, limits))
        self._thread = threading.Thread(
            target=self._look_around, args=(mmar,), name="facts", daemon=True
        )
        self._thread.start()

    def search_space_available(self, ctx: Context) -> None:
        """Keep what is searched."""
        self._keep(facts.of_space(ctx.get_prop(ContextKey.SEARCH_SPACE)))

    def shutdown(self, ctx: Context) -> None:
        """What is not found by now is not worth a wait."""
        if self._thread is not None:
            self._thread.join(5.0)

    def _look_around(self, mmar: Mmar) -> None:
        self._keep(facts.of_data(data_lists(mmar)))
        self._keep(facts.of_code(mmar.layout.root))

    def _keep(self, told: facts.Facts) -> None:
        if self._run is not None:
            parameters, tags, files = told
            self._ledger.add(Note("", "", 0.0, parameters, tags, files), self._run)
