"""MLflow's client, made quiet and impatient, and what its errors mean."""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
from typing import Any

_OUTAGES = frozenset(
    {
        "TEMPORARILY_UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "REQUEST_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "ABORTED",
        "CANCELLED",
    }
)


_MIGRATING = threading.RLock()


def client_class() -> Any:
    """MLflow's client class, made quiet and impatient. Only here is MLflow imported."""
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "true")
    import mlflow
    from mlflow import environment_variables
    from mlflow.store.db import utils as database

    # Only after the import: MLflow sets its own levels there. We say what is wrong ourselves.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # By default one call to a dead port blocks for four minutes, to a dead database for two.
    # Not through the environment: the jobs inherit it, and may use MLflow in their own way. What
    # the user has set there goes before these.
    for name, value in (
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", 1),
        ("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 1),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", 10),
        # It would print an address for each run that a server closes, amid whatever is drawn.
        ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", True),
    ):
        variable = getattr(environment_variables, name, None)
        if variable is not None:
            variable.default = value
    if hasattr(database, "MAX_RETRY_COUNT"):
        database.MAX_RETRY_COUNT = 3
    _migrate_one_by_one()
    return mlflow.MlflowClient


def _migrate_one_by_one() -> None:
    """Let only one thread at a time make or upgrade a database.

    alembic keeps the migration at work in a global. A user's handler that opens a store of its
    own while ours is being made broke both: columns were added twice, keys were missing.
    """
    from alembic import command

    with _MIGRATING:
        upgrade = command.upgrade
        if hasattr(upgrade, "__wrapped__"):
            return

        @functools.wraps(upgrade)
        def upgrade_alone(*args: Any, **kwargs: Any) -> Any:
            with _MIGRATING:
                return upgrade(*args, **kwargs)

        command.upgrade = upgrade_alone


def is_outage(error: Exception) -> bool:
    """Whether the store is at fault and not what was written: worth another try.

    Judged by MLflow's codes and not by words, which may quote what was written.
    """
    code = getattr(error, "error_code", None)
    if code == "INTERNAL_ERROR":
        # No answer, or one that is not MLflow's: a proxy's page, for instance.
        return str(error).startswith("API request to")
    if code is not None:
        return code in _OUTAGES
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status >= 500
    return isinstance(error, OSError) or type(error).__name__ == "OperationalError"


def reason_of(error: Exception) -> str:
    """An error in one short line; of MLflow's long ones about connections only the point."""
    text = " ".join(str(error).split())
    if text.startswith("API request to"):
        found = re.search(r"Connection refused|timed out|resolve|unreachable|reset", text)
        if found:
            return "cannot resolve the name" if found.group() == "resolve" else found.group()
    return text[:300] or type(error).__name__
