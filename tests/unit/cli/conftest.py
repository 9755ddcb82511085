"""The command line, run in this process: an exit status and what was printed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mmar_automl import cli

MMARS = Path(__file__).parents[2] / "mmars"
ANOTHER_PROGRAM = "#!/usr/bin/env bash\npython3 train.py\n"


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs `mmar-automl WORDS…`."""

    def run(*words: object) -> Done:
        monkeypatch.setattr("sys.argv", ["mmar-automl", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


@pytest.fixture
def copy_mmar(tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies an MMAR of tests/mmars; one without commands gets a round script."""

    def copy(name: str) -> Path:
        root = tmp_path / Path(name).name
        shutil.copytree(MMARS / name, root)
        if not (root / "commands").exists():
            (root / "commands").mkdir()
            script = root / "commands" / "automl_train_round.sh"
            script.write_text(ANOTHER_PROGRAM)
            script.chmod(0o755)
        return root

    return copy


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A function that makes an MMAR of a training config, run by another program than ours."""

    def make(config: Any, **files: Any) -> Path:
        root = tmp_path / "mmar"
        contents = {"config/config_train.json": config, "config/environment.json": {}}
        contents["commands/automl_train_round.sh"] = ANOTHER_PROGRAM
        contents |= files.pop("files", {})
        for name, content in contents.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, (str, bytes)) else json.dumps(content, indent=2)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            file.chmod(0o755)
        return root

    return make
