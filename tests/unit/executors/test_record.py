"""What is said of a job that could not be started."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from mmar_automl.defs import FailureClass
from mmar_automl.executors.record import could_not_start

FULL = f"[Errno {errno.ENOSPC}] {os.strerror(errno.ENOSPC)}: 'a/x.json' -> 'b/x.json'"


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), FailureClass.DISK_FULL),
        (shutil.Error([("a/x.json", "b/x.json", FULL), ("a/y", "b/y", FULL)]),
         FailureClass.DISK_FULL),
        (shutil.Error([("a/x.json", "b/x.json", "[Errno 13] Permission denied")]),
         FailureClass.NOT_STARTED),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), FailureClass.NOT_STARTED),
    ],
)  # fmt: skip
def test_a_full_disk_is_told_from_other_faults(error: OSError, failure: FailureClass) -> None:
    """Also where a whole folder was copied; the reason is a sentence and no list."""
    told = could_not_start(error)
    assert told.failure is failure
    assert str(told).startswith("could not be started: [Errno ")
    assert "[(" not in str(told)
