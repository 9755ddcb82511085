"""`convert`: an MMAR of Clara 3.x as one of 4.1, with a report of every change."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput, ConfigProblems, EnvironmentFault, Problem, format_path
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.load import find_root
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json
from mmar_automl.mmar.write import current_umask, write_json
from mmar_automl.search.components import at
from mmar_automl.trainer.scopes import Findings
from mmar_automl.trainer.translate import translate
from mmar_automl.trainer.vocabulary import config as vocabulary
from mmar_automl.trainer.vocabulary import searches

_LEFT_OUT = ("automl", "eval", "models", ".git", "__pycache__")
"""Folders that a conversion does not take along."""
_NEEDED = ("automl_train_round.sh", "set_env.sh", "automl.sh", "train.sh")
_ENVIRONMENT = {
    "CLARA_TRAIN_VERSION": vocabulary.VERSION,
    "MMAR_CKPT_DIR": "models",
    "MMAR_CKPT": "models/model.pt",
    "MMAR_TORCHSCRIPT": "models/model.ts",
}
_WORDS = {
    "nvmidl.apps": "medl.apps",
    **{f"{old}=": f"{new}=" for old, new in vocabulary.GLOBALS.items()},
}
"""What the scripts say of Clara 3's → Clara 4's: programs, and what they `--set`."""
REPORT = Path("docs") / "conversion.md"


@dataclass(frozen=True)
class Line:
    """One change: in which file, where in it, what stood there, what stands there now."""

    file: str
    place: str
    was: str
    now: str
    differs: str = ""


@dataclass(frozen=True)
class Conversion:
    """What `convert` made."""

    root: Path
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    """Warnings."""


def convert(root: Path, out: Path) -> Conversion:
    """Write the MMAR at `root`, of Clara 3.x, to `out` as one of 4.1; whole or not at all.

    Every config in `config/` that is of 3.x is converted, its searches included. Raises
    `BadInput`, `ConfigProblems` with everything that cannot be said today, `EnvironmentFault`.
    """
    layout = find_root(root)
    target = _target(layout.root, out)
    parent = target.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.new.", dir=parent))
        try:
            fresh = beside / "mmar"
            made = _Writer(layout, MmarLayout(fresh)).write()
            if target.exists():
                target.rmdir()
            fresh.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        where = error.filename or out
        raise EnvironmentFault(f"{where} cannot be written: {error.strerror}") from error
    return dataclasses.replace(made, root=target)


def _target(root: Path, out: Path) -> Path:
    target = out.expanduser().resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{out} is not empty", "choose a folder that does not exist yet")
    if target.is_relative_to(root):
        raise BadInput(f"{out} lies inside the MMAR itself", "choose a folder beside it")
    return target


class _Writer:
    def __init__(self, old: MmarLayout, new: MmarLayout) -> None:
        self.old = old
        self.new = new
        self.lines: list[Line] = []
        self.notes: dict[str, None] = {}
        self.problems: list[Problem] = []

    def write(self) -> Conversion:
        self._copy()
        environment = self._read(self.old.environment)
        known = environment.data if environment and isinstance(environment.data, dict) else {}
        converted = [
            source.file.name
            for source in self._sources()
            if vocabulary.is_three(source.data) and self._config(source, known)
        ]
        if any(problem.severity == "error" for problem in self.problems):
            raise ConfigProblems(self.problems)
        if not converted:
            raise BadInput(f"{self.old.config} has no training config of Clara 3.x",
                           "a config of 4.x needs no conversion")  # fmt: skip
        self._environment(known)
        self._commands()
        self._report()
        lines, notes = tuple(self.lines), tuple(self.notes)
        return Conversion(self.new.root, lines, notes, tuple(self.problems))

    def _copy(self) -> None:
        """Everything but what trainings have left, which is TensorFlow's."""
        ignore = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(self.old.root, self.new.root, symlinks=True, ignore=ignore)
        self.new.models.mkdir()
        for name in ("automl", "eval", "models"):
            folder = self.old.root / name
            if folder.is_dir() and any(folder.iterdir()):
                why = "TensorFlow's checkpoints cannot be read" if name == "models" else "results"
                self.lines.append(Line(f"{name}/", "", "there", "left out", why))

    def _sources(self) -> Iterator[JsonSource]:
        for file in sorted(self.old.config.glob("*.json")):
            source = self._read(file)
            if source is not None:
                yield source

    def _read(self, file: Path) -> JsonSource | None:
        try:
            return read_json(file)
        except FileNotFoundError:
            return None
        except UnreadableJson as error:
            if error.problem not in self.problems:
                self.problems.append(error.problem)
            return None

    def _config(self, source: JsonSource, environment: Mapping[str, Any]) -> bool:
        """Convert one config; whether it is one that trains."""
        name = f"config/{source.file.name}"
        if not isinstance(source.data.get("train"), dict):
            (self.new.config / source.file.name).unlink()
            why = "`mmar-automl evaluate -c` takes the training config and validates its model"
            self.lines.append(Line(name, "", "a validation config of 3.x", "left out", why))
            return False
        findings = Findings(source)

        def known(config: Mapping[str, Any]) -> dict[str, Any]:
            return variables(config, environment, {}, self.old.root)

        found = vocabulary.convert(source.data, known(source.data), findings)
        if not _has_errors(findings):
            made, carried = searches.carry(
                source.data,
                lambda config: vocabulary.convert(config, known(config), Findings(source)).config,
                findings,
            )
            write_json(self.new.config / source.file.name, made)
            self.lines += [
                Line(name, format_path(change.path), change.was, change.now, change.differs)
                for change in found.changes
            ]
            self.lines += [self._searched(name, made, each) for each in carried]
            self._own_code(source, known(source.data), findings)
        self.problems += findings.problems
        self.notes |= dict.fromkeys(findings.notices)
        return True

    def _own_code(self, source: JsonSource, known: Mapping[str, Any], findings: Findings) -> None:
        """Components of the user's own that are not there, or not what the config needs."""
        folders = [folder for folder in self.old.custom if folder.is_dir()]
        for problem in translate(source, known, folders=folders).problems:
            if problem.path[-1:] == ("path",):
                findings.wrong(
                    problem.path, problem.message, problem.value, problem.hint, "warning"
                )

    @staticmethod
    def _searched(name: str, made: Mapping[str, Any], carried: searches.Carried) -> Line:
        entry = at(made, carried.source)
        was = " and ".join(each for parameter in carried.was for each in parameter.names)
        where = format_path(carried.source[:-2]) or "first level"
        differs = "one entry with all combinations" if len(carried.was) > 1 else ""
        now = f"search of {', '.join(entry['args'])} at {where}"
        return Line(name, format_path(carried.was[0].source), f"search of {was}", now, differs)

    def _environment(self, known: Mapping[str, Any]) -> None:
        made = dict(known)
        for name, value in _ENVIRONMENT.items():
            if name not in made or name == "CLARA_TRAIN_VERSION":
                self.lines.append(
                    Line("config/environment.json", name,
                         json.dumps(made[name]) if name in made else "missing",
                         json.dumps(value))
                )  # fmt: skip
                made[name] = value
        write_json(self.new.environment, made)

    def _commands(self) -> None:
        """Clara 4's names of programs and variables, and the scripts that a search needs."""
        for script in sorted(self.new.commands.glob("*.sh")):
            text = script.read_text(encoding="utf-8", errors="surrogateescape")
            changed = text
            for was, now in _WORDS.items():
                found = re.compile(rf"\b{re.escape(was)}")
                if found.search(changed):
                    changed = found.sub(now, changed)
                    self.lines.append(Line(f"commands/{script.name}", "", was, now))
            if changed != text:
                script.write_text(changed, encoding="utf-8", errors="surrogateescape")
        self.new.commands.mkdir(exist_ok=True)
        templates = resources.files("mmar_automl.app") / "templates" / "mmar" / "commands"
        for name in _NEEDED:
            script = self.new.commands / name
            if not script.exists():
                script.write_bytes((templates / name).read_bytes())
                script.chmod(0o777 & ~current_umask())
                self.lines.append(Line(f"commands/{name}", "", "missing", "added"))

    def _report(self) -> None:
        file = self.new.root / REPORT
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(report(self.old.root.name, self.lines, self.notes)) + "\n",
                        encoding="utf-8")  # fmt: skip


def report(name: str, lines: list[Line], notes: Mapping[str, None]) -> Iterator[str]:
    """The report as Markdown."""
    yield f"# {name}: from Clara Train 3.x to 4.1"
    yield ""
    yield ("Converted by mmar-automl. The converted MMAR trains to the same scores as the original "
           "does here, under the same seed; where today's components differ from those of Clara "
           "Train 3.x, the last column says so.")  # fmt: skip
    for file in dict.fromkeys(line.file for line in lines):
        yield from ("", f"## {file}", "", "| where | was | is | differs |", "|---|---|---|---|")
        for line in lines:
            if line.file == file:
                cells = (line.place, line.was, line.now, line.differs)
                yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    if notes:
        yield from ("", "## Notes", "")
        yield from (f"- {note}" for note in notes)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace(os.linesep, " ")


def _has_errors(findings: Findings) -> bool:
    return any(problem.severity == "error" for problem in findings.problems)
