"""Addresses of tracking stores, and stores that were moved."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import pytest

from mmar_automl.errors import BadInput
from mmar_automl.handlers.mlflow.store import (
    artifacts_beside,
    check_tracking_uri,
    in_one_step,
    relocate_store,
    sqlite_file,
    sqlite_uri,
    store_uri,
    ui_command,
)
from mmar_automl.mmar.layout import MmarLayout

ODD = ["plain", "mit leer ä 胰腺 (v2)", "100%25", "a#b?c", 'it\'s "x"', "[1];&"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://host:5000",
        "https://user:pw@host/mlflow",
        "databricks",
        "databricks://profile",
        "sqlite:///results.db",
        "sqlite+pysqlite:////data/mlflow.db?timeout=5",
    ],
)
def test_an_address_of_a_store_passes(uri: str) -> None:
    """Whether it answers is not asked."""
    check_tracking_uri(uri)


@pytest.mark.parametrize("uri", ["./mlruns", "/a b/mlruns", "file:///a%20b/mlruns", "C:/x", ""])
def test_a_directory_is_refused_with_what_to_write(uri: str) -> None:
    """The hint can be pasted into a shell, and passes itself."""
    with pytest.raises(BadInput) as caught:
        check_tracking_uri(uri)
    words = shlex.split(caught.value.hint)
    check_tracking_uri(words[-1])
    assert "%20" not in words[-1]


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("postgresql://u:secret@host/db", "psycopg"),
        ("postgres://u:secret@host/db", "postgres"),
        ("mysql+nodriver://u:secret@host/db", "nodriver"),
        ("ftp://u:secret@host/db", "'ftp'"),
    ],
)
def test_a_database_that_cannot_be_talked_to_is_refused(uri: str, word: str) -> None:
    """By the driver's name, before any job, and without the password."""
    with pytest.raises(BadInput) as caught:
        check_tracking_uri(uri)
    assert word in str(caught.value)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:", "sqlite:results.db"])
def test_an_sqlite_address_without_a_file_is_refused(uri: str) -> None:
    """It would keep nothing."""
    with pytest.raises(BadInput, match="names no database file"):
        check_tracking_uri(uri)


def test_an_sqlite_address_of_a_directory_is_refused(tmp_path: Path) -> None:
    """With a file inside it as the hint."""
    with pytest.raises(BadInput) as caught:
        check_tracking_uri(f"sqlite:///{tmp_path}")
    assert caught.value.hint.endswith(f"{tmp_path}/mlflow.db")


@pytest.mark.parametrize("name", ODD)
def test_an_address_leads_back_to_its_file(tmp_path: Path, name: str) -> None:
    """Also for SQLAlchemy, in whichever version."""
    from sqlalchemy.engine import make_url

    file = tmp_path / name / "mlflow.db"
    assert sqlite_file(sqlite_uri(file)) == file
    assert make_url(sqlite_uri(file)).database == str(file)


def test_artifacts_stand_beside_a_database_file() -> None:
    """And not below the directory in which the search was started."""
    assert artifacts_beside("sqlite:////data/x/results.db") == "file:///data/x/mlartifacts"
    assert artifacts_beside("http://host") is None


def test_the_way_to_look_at_results(tmp_path: Path) -> None:
    """A command that a shell takes apart rightly; a server's address; never a password."""
    layout = MmarLayout(tmp_path / "it's (v2)")
    assert shlex.split(ui_command(layout, None))[1:] == [
        "ui",
        "--backend-store-uri",
        store_uri(layout),
    ]
    assert ui_command(layout, "http://host:5000") == "http://host:5000"
    shown = ui_command(layout, "postgresql://me:secret@host/db")
    assert "secret" not in shown
    assert "me:***@host" in shown


def make_store(layout: MmarLayout, location: str) -> None:
    layout.automl.mkdir(parents=True)
    with closing(sqlite3.connect(layout.mlflow_store)) as store, store:
        store.execute("CREATE TABLE experiments (name TEXT, artifact_location TEXT)")
        store.execute("CREATE TABLE runs (name TEXT, artifact_uri TEXT)")
        store.execute("INSERT INTO experiments VALUES ('ours', ?)", (location,))
        store.execute("INSERT INTO experiments VALUES ('bucket', 's3://x/automl/other')")
        store.execute("INSERT INTO runs VALUES ('r', ?)", (f"{location}/r/artifacts",))
        store.execute("INSERT INTO runs VALUES ('b', 's3://x/automl/other/b/artifacts')")


def places(layout: MmarLayout) -> list[str]:
    with closing(sqlite3.connect(layout.mlflow_store)) as store:
        found = store.execute(
            "SELECT artifact_location FROM experiments UNION ALL SELECT artifact_uri FROM runs"
        )
        return [row[0] for row in found]


@pytest.mark.parametrize("as_uri", [True, False])
@pytest.mark.parametrize("name", ODD)
def test_places_follow_a_moved_store(tmp_path: Path, name: str, as_uri: bool) -> None:
    """Whichever form they were kept in; what is elsewhere stays; a second time changes nothing."""
    old, new = MmarLayout(tmp_path / "old" / name), MmarLayout(tmp_path / name / "new")
    make_store(old, old.mlflow_artifacts.as_uri() if as_uri else str(old.mlflow_artifacts))
    new.root.parent.mkdir(parents=True)
    shutil.move(old.root, new.root)
    assert relocate_store(new) is True
    experiment, bucket, run, in_bucket = places(new)
    assert unquote(experiment) == f"file://{unquote(str(new.mlflow_artifacts))}" or (
        experiment == new.mlflow_artifacts.as_uri()
    )
    assert run == f"{experiment}/r/artifacts"
    assert (bucket, in_bucket) == ("s3://x/automl/other", "s3://x/automl/other/b/artifacts")
    assert relocate_store(new) is False


def test_a_store_that_cannot_be_changed_is_left_alone(tmp_path: Path) -> None:
    """Missing, no database, another database, locked, read-only: never an exception."""
    layout = MmarLayout(tmp_path / "mmar")
    assert relocate_store(layout) is False
    layout.automl.mkdir(parents=True)
    layout.mlflow_store.write_bytes(b"no database at all" * 100)
    assert relocate_store(layout) is False
    layout.mlflow_store.unlink()
    sqlite3.connect(layout.mlflow_store).close()
    assert relocate_store(layout) is False
    shutil.rmtree(layout.root)
    make_store(layout, "file:///elsewhere/automl/mlartifacts")
    with closing(sqlite3.connect(layout.mlflow_store)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert relocate_store(layout) is False
    if os.geteuid() != 0:
        layout.mlflow_store.chmod(0o444)
        assert relocate_store(layout) is False
        layout.mlflow_store.chmod(0o644)
    assert relocate_store(layout) is True


def test_a_store_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """What a killed search left half made is in nobody's way."""
    file = tmp_path / "mlflow.db"
    with contextlib.suppress(KeyboardInterrupt), in_one_step(file) as beside:
        beside.write_text("half")
        raise KeyboardInterrupt
    assert not file.exists()
    with in_one_step(file) as beside:
        assert not beside.exists()
        beside.write_text("whole")
    assert file.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [file]
