"""The tracking store: where it is, whether it will do, and that it follows a moved MMAR."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from mmar_automl.errors import BadInput
from mmar_automl.mmar.layout import MmarLayout

_ARTIFACT_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)

_DATABASES = ("postgresql", "postgres", "mysql", "mssql")
_DRIVERS = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}


def store_uri(layout: MmarLayout) -> str:
    """The MMAR's own store, the default."""
    return sqlite_uri(layout.mlflow_store)


def artifact_uri(layout: MmarLayout) -> str:
    """Where the runs of the MMAR's own store keep their artifacts."""
    return layout.mlflow_artifacts.as_uri()


def sqlite_uri(file: Path) -> str:
    """The tracking URI of a database file."""
    # SQLAlchemy 2.1 decodes the path and 2.0 does not: encode only what cannot stay as it is.
    return "sqlite:///" + re.sub("[%?]", lambda odd: quote(odd.group()), str(file.absolute()))


def sqlite_file(uri: str) -> Path | None:
    """The database file of a tracking URI; None where it names none."""
    found = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    if found is None or found.group(1) == ":memory:":
        return None
    return Path(unquote(found.group(1))).absolute()


def artifacts_beside(uri: str) -> str | None:
    """Where a new experiment keeps its artifacts: beside a database file, else as MLflow says.

    MLflow's own choice for a file is a folder below wherever the search happened to be started.
    """
    file = sqlite_file(uri)
    return None if file is None else (file.parent / "mlartifacts").as_uri()


def check_tracking_uri(uri: str) -> None:
    """Refuse what MLflow 3 refuses, before a job starts; raises `BadInput` with what to write.

    Names of databases and servers pass unlooked at: whether they answer shows later, and costs
    no job.
    """
    if uri in ("databricks", "databricks-uc", "uc"):
        return
    scheme = urlsplit(uri).scheme
    if scheme.partition("+")[0] in _DATABASES:
        _check_driver(uri)
    if scheme.partition("+")[0] == "sqlite":
        _check_sqlite(uri)
    elif scheme in ("", "file") or len(scheme) == 1:
        plain = unquote(urlsplit(uri).path) if scheme == "file" else uri
        folder = Path(plain or "mlruns").expanduser().absolute()
        raise BadInput(
            f"--tracking-uri {uri}: MLflow no longer keeps results in a plain directory",
            f"use --tracking-uri {shlex.quote(sqlite_uri(folder / 'mlflow.db'))}",
        )
    elif scheme.partition("+")[0] not in (*_DATABASES, "http", "https", "databricks", "uc"):
        raise BadInput(
            f"--tracking-uri {without_password(uri)}: MLflow knows no {scheme!r}",
            "it takes http(s)://, sqlite:///, postgresql://, mysql:// and mssql://",
        )


def _check_driver(uri: str) -> None:
    """A database without its Python driver fails in every call: told now, not job by job."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    shown = without_password(uri)
    try:
        make_url(uri).get_dialect().import_dbapi()
    except ImportError as error:
        name = error.name or str(error)
        raise BadInput(
            f"--tracking-uri {shown} needs the Python driver {name!r}, which is not installed",
            f"pip install {_DRIVERS.get(name, name)}",
        ) from None
    except (ArgumentError, NoSuchModuleError) as error:
        raise BadInput(f"--tracking-uri {shown} cannot be read: {error}") from None


def _check_sqlite(uri: str) -> None:
    file = sqlite_file(uri)
    if file is None:
        raise BadInput(
            f"--tracking-uri {uri} names no database file",
            "three slashes, then the path: sqlite:////data/mlflow.db",
        )
    if file.is_dir():
        raise BadInput(
            f"--tracking-uri {uri} names a directory, not a database file",
            f"use --tracking-uri {shlex.quote(sqlite_uri(file / 'mlflow.db'))}",
        )


def without_password(uri: str) -> str:
    """The address as it may be shown."""
    return re.sub(r"(?<=://)([^:/@]*):[^@/]*@", r"\1:***@", uri)


def ui_command(layout: MmarLayout, tracking_uri: str | None) -> str:
    """What to type to look at the results; a server's own address is the answer itself."""
    uri = without_password(tracking_uri or store_uri(layout))
    if not uri.startswith(("sqlite", "postgresql", "mysql", "mssql")):
        return uri
    beside = Path(sys.executable).parent / "mlflow"
    program = "mlflow" if shutil.which("mlflow") or not beside.exists() else str(beside)
    return shlex.join([program, "ui", "--backend-store-uri", uri])


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
                    if store.execute(f"PRAGMA table_info({table})").fetchall():
                        store.execute(
                            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                            f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                            (here, len(there) + 1, there, len(there) + 1, f"{there}/"),
                        )
                changed = True
    except sqlite3.Error:
        return False
    return changed


@contextlib.contextmanager
def creating(uri: str) -> Iterator[None]:
    """Alone with the file of an sqlite store: two processes that create one at once ruin it."""
    file = sqlite_file(uri)
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{file}.lock", "w", encoding="utf-8") as lock:
        # A file system without locks is no reason not to record.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def in_one_step(file: Path) -> Iterator[Path]:
    """A name to make a database under, which becomes `file` once it is whole.

    A kill amid MLflow's first migrations would leave a store that no client can open again.
    """
    beside = file.with_name(f".{file.name}.new")
    for suffix in ("", "-journal"):
        Path(f"{beside}{suffix}").unlink(missing_ok=True)
    yield beside
    os.replace(beside, file)
