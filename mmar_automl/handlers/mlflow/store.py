"""The tracking store: where it is, whether it will do, and that it follows a moved MMAR."""

from __future__ import annotations

import contextlib
import fcntl
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mmar_automl.errors import BadInput
from mmar_automl.mmar.layout import MmarLayout

_ARTIFACT_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)


def store_uri(layout: MmarLayout) -> str:
    """The MMAR's own store, the default."""
    return f"sqlite:///{layout.mlflow_store}"


def artifact_uri(layout: MmarLayout) -> str:
    """Where the runs of the MMAR's own store keep their artifacts."""
    return layout.mlflow_artifacts.as_uri()


def check_tracking_uri(uri: str) -> None:
    """Refuse what MLflow 3 refuses, before a job starts; raises `BadInput` with what to write.

    Names of databases and servers pass unlooked at: whether they answer shows later, and costs
    no job.
    """
    scheme = urlsplit(uri).scheme
    if scheme in ("", "file") or len(scheme) == 1:
        path = Path(urlsplit(uri).path if scheme == "file" else uri).expanduser().absolute()
        raise BadInput(
            f"--tracking-uri {uri}: MLflow no longer keeps results in a plain directory",
            f"use --tracking-uri sqlite:///{path}/mlflow.db",
        )


def ui_command(layout: MmarLayout, tracking_uri: str | None) -> str:
    """What to type to look at the results; a server's own address is the answer itself."""
    uri = tracking_uri or store_uri(layout)
    if uri.startswith(("http:", "https:")):
        return uri
    beside = Path(sys.executable).parent / "mlflow"
    program = "mlflow" if shutil.which("mlflow") or not beside.exists() else str(beside)
    return f"{program} ui --backend-store-uri {shlex.quote(uri)}"


def relocate_store(layout: MmarLayout) -> bool:
    """Let the artifacts of the MMAR's own store be found after the MMAR was moved or copied.

    MLflow keeps absolute locations. Returns whether any had to be changed; a store that is
    missing, locked or read-only is left as it is.
    """
    if not layout.mlflow_store.is_file():
        return False
    here = artifact_uri(layout)
    tail = here[-len("/automl/mlartifacts") :]
    changed = False
    try:
        with contextlib.closing(sqlite3.connect(layout.mlflow_store, timeout=2)) as store, store:
            locations = store.execute(
                "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE ?",
                (f"%{tail}",),
            ).fetchall()
            for (there,) in locations:
                if there == here:
                    continue
                for table, column in _ARTIFACT_COLUMNS:
                    with contextlib.suppress(sqlite3.OperationalError):
                        store.execute(
                            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                            f"WHERE substr({column}, 1, ?) = ?",
                            (here, len(there) + 1, len(there), there),
                        )
                changed = True
    except sqlite3.Error:
        return False
    return changed


@contextlib.contextmanager
def creating(uri: str) -> Iterator[None]:
    """Alone with the file of an sqlite store: two processes that create one at once ruin it."""
    path = uri.removeprefix("sqlite:///").partition("?")[0] if uri.startswith("sqlite:") else ""
    if not path:
        yield
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
