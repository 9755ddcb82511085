"""What all tests share: MMARs made on the spot, with a stand-in trainer in a real process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest

STAND_IN = Path(__file__).parent / "stand_in"
MMAR_AUTOML = [sys.executable, "-m", "mmar_automl"]


class MadeMmar:
    """An MMAR in a temporary folder, and the command line run on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._started: list[subprocess.Popen[str]] = []

    def end(self) -> None:
        """End what a failed test left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def run(
        self, *words: str, timeout: float = 60, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`mmar-automl WORDS…`, with `{root}` for the MMAR's folder."""
        return subprocess.run(
            self.argv(*words),
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same, not waited for, in a process group of its own."""
        process = subprocess.Popen(
            self.argv(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def argv(self, *words: str) -> list[str]:
        return [*MMAR_AUTOML, *(word.replace("{root}", str(self.root)) for word in words)]

    def search(
        self, *words: str, workers: str = "cpu:cpu", **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """A whole search without MLflow."""
        return self.run("run", "{root}", "--no-mlflow", "--workers", workers, *words, **kwargs)

    def report(self, *words: str) -> dict[str, Any]:
        """The report of a run, as a script reads it."""
        done = self.run("report", "{root}", *words, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def job(self, name: str, run_id: str = "run_a") -> Path:
        return self.root / "automl" / run_id / name

    def write(self, file: str, value: Any) -> None:
        (self.root / file).write_text(json.dumps(value, indent=2), encoding="utf-8")

    def read(self, file: str) -> Any:
        return json.loads((self.root / file).read_text(encoding="utf-8"))


MakeMmar = Callable[..., MadeMmar]


# The same examples in every run of CI; elsewhere, others each time.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


@pytest.fixture
def make_mmar(tmp_path: Path) -> Iterator[MakeMmar]:
    """A function that makes an MMAR from a training config and a controller."""
    made: list[MadeMmar] = []

    def remember(*args: Any, **kwargs: Any) -> MadeMmar:
        made.append(mmar_maker(tmp_path)(*args, **kwargs))
        return made[-1]

    yield remember
    for mmar in made:
        mmar.end()


def mmar_maker(tmp_path: Path) -> MakeMmar:
    """What `make_mmar` gives, for fixtures of a wider scope."""

    def make(
        config: Mapping[str, Any],
        controller: Mapping[str, Any] | None = None,
        handlers: Sequence[Mapping[str, Any]] | None = None,
        name: str = "mmar",
    ) -> MadeMmar:
        root = tmp_path / name
        for folder in ("config", "commands", "custom", "models"):
            (root / folder).mkdir(parents=True)
        made = MadeMmar(root)
        made.write("config/config_train.json", config)
        made.write(
            "config/config_automl.json",
            {
                "controller": controller or {"name": "GridController"},
                "executor": {"name": "MMARExecutor", "args": {"remove_search_augs": True}},
                "handlers": handlers
                if handlers is not None
                else [
                    {"name": "MMARHandler"},
                    {"name": "StatsHandler"},
                    {"name": "MMARStatsHandler"},
                ],
            },
        )
        made.write("config/environment.json", {})
        shutil.copy(STAND_IN / "stand_in.py", root / "custom")
        shutil.copy(STAND_IN / "automl_train_round.sh", root / "commands")
        (root / "commands" / "automl_train_round.sh").chmod(0o755)
        return made

    return make


def choices(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """A first-level search entry over these values."""
    return {"args": [name], "type": "enum", "domain": "net", "targets": [[v] for v in values]}


def searching(**choices_by_name: Sequence[Any]) -> dict[str, Any]:
    """A config that searches first-level values, and nothing else."""
    return {"search": [choices(name, values) for name, values in choices_by_name.items()]}
