"""The experiment that a search is written to: found or made, and cleared of what died in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from mmar_automl.handlers.mlflow.client import client_class
from mmar_automl.handlers.mlflow.facts import is_gone
from mmar_automl.handlers.mlflow.store import (
    artifacts_beside,
    creating,
    in_one_step,
    sqlite_file,
    sqlite_uri,
)

_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's page opens an experiment of no kind as one about language models."""


def connect(uri: str, name: str, notify: Callable[[str], None]) -> tuple[Any, str]:
    """A client of the store, which is made if need be, and the id of the experiment."""
    with creating(uri):
        make_client = client_class()
        file = sqlite_file(uri)
        artifacts = artifacts_beside(uri)
        if file is not None and not file.exists():
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            with in_one_step(file) as beside:
                SqlAlchemyStore(sqlite_uri(beside), artifacts).engine.dispose()
        client = make_client(uri)
        return client, _find(client, name, artifacts, notify)


def _find(client: Any, wanted: str, artifacts: str | None, notify: Callable[[str], None]) -> str:
    """The experiment of that name, made if need be.

    A deleted one is left alone: its owner deleted it on purpose. The next free name is used.
    """
    name = wanted
    for number in range(2, 1000):
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                made: str | None = client.create_experiment(name, artifacts, _TAGS)
            except Exception:
                # Another search made it at this very moment.
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
                made = None
        else:
            made = None
        if made is not None or found.lifecycle_stage == "active":
            if name != wanted:
                notify(f"MLflow's experiment {wanted!r} was deleted: this search is in {name!r}")
            return str(found.experiment_id if made is None else made)
        name = f"{wanted} ({number})"
    raise RuntimeError(f"no free name for the experiment {wanted!r}")


def marked(client: Any, experiment_id: str) -> dict[str, tuple[str, str, str]]:
    """The experiment's runs with a mark of ours: mark → (run id, MLflow's status, our state)."""
    found = {}
    for run in _runs(client, experiment_id, ""):
        mark = run.data.tags.get("mmar_automl.mark")
        if mark:
            state = run.data.tags.get("mmar_automl.state", "")
            found[mark] = (str(run.info.run_id), str(run.info.status), state)
    return found


def sweep(client: Any, experiment_id: str, mine: Callable[[str], bool]) -> int:
    """Close the runs of searches that are gone and could not do it themselves; how many.

    Only of this machine's, whose processes can be looked for, and none that is `mine` by mark.
    """
    swept = 0
    for run in list(_runs(client, experiment_id, "attributes.status = 'RUNNING'")):
        tags = run.data.tags
        mark = tags.get("mmar_automl.mark")
        if mark and not mine(mark) and is_gone(tags):
            said = "The search that wrote this is gone: mmar-automl sync sends what it could not."
            client.set_tag(run.info.run_id, "mmar_automl.state", "interrupted")
            client.set_tag(run.info.run_id, "mlflow.note.content", said)
            client.set_terminated(run.info.run_id, status="KILLED", end_time=_now())
            swept += 1
    return swept


def points(client: Any, run_id: str) -> set[tuple[str, int, float]]:
    """The metrics that a run has already."""
    names = client.get_run(run_id).data.metrics
    return {
        (name, point.step, point.value)
        for name in names
        for point in client.get_metric_history(run_id, name)
    }


def _runs(client: Any, experiment_id: str, query: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment_id], query, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _now() -> int:
    return round(time.time() * 1000)
