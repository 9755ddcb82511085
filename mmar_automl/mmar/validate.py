"""What is wrong with an MMAR's files, all at once: schemas, scripts, the data list.

The search sections are checked by `search`, the components of config_automl.json by `app`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from mmar_automl.errors import MISSING, JsonPath, Problem
from mmar_automl.mmar.environment import UnknownVariable, locate_data, substitute
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json

_OUR_TRAINER = re.compile(
    r"(mmar-automl|-m\s+mmar_automl)\s+train\b|-m\s+(medl|nvmidl)\.apps\.train\b"
)
_SHOWN = 3
"""So many missing files of a list are named; the rest are counted."""


def schema(name: str) -> dict[str, Any]:
    """A published schema: `config_train`, `config_automl` or `environment`."""
    file = resources.files("mmar_automl.mmar") / "schemas" / f"{name}.schema.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def check_files(mmar: Mmar, *, data: bool = True) -> list[Problem]:
    """Every problem of the files of an MMAR, its search sections apart."""
    ours = trains_with_ours(mmar.layout)
    problems: list[Problem] = []
    for source, name in (
        (mmar.train_config, "config_train"),
        (mmar.automl_config, "config_automl"),
        (mmar.environment, "environment"),
    ):
        problems += source.problems
        problems += check_schema(source, name, components=ours)
    problems += check_scripts(mmar.layout)
    if ours:
        problems += check_validation_interval(mmar)
        if data:
            problems += check_data_list(mmar)
    return problems


def trains_with_ours(layout: MmarLayout) -> bool:
    """Whether the round script calls our trainer (or Clara's, which ours stands for).

    If not, the `train` and `validate` sections are another program's business.
    """
    try:
        text = layout.round_script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return bool(_OUR_TRAINER.search("\n".join(lines)))


def check_schema(source: JsonSource, name: str, *, components: bool = True) -> list[Problem]:
    """Where a file departs from its schema; search entries are left to `search`."""
    validator = jsonschema.Draft202012Validator(schema(name))
    problems = []
    for error in validator.iter_errors(source.data):
        for leaf in _leaves(error):
            path: JsonPath = tuple(leaf.absolute_path)
            skipped = not components and path[:1] in (("train",), ("validate",))
            if skipped or "search" in path or "lr_search" in path:
                continue
            problems.append(_schema_problem(source, path, leaf))
    return sorted(set_of(problems), key=lambda problem: problem.line or 0)


def set_of(problems: list[Problem]) -> list[Problem]:
    """The problems without repetitions, in their order."""
    seen: set[tuple[Any, ...]] = set()
    unique = []
    for problem in problems:
        mark = (problem.file, problem.path, problem.message)
        if mark not in seen:
            seen.add(mark)
            unique.append(problem)
    return unique


def _leaves(
    error: jsonschema.ValidationError,
) -> Iterator[jsonschema.ValidationError]:
    """The telling errors below an `anyOf`: those of the alternative that fits best."""
    if error.validator != "anyOf" or not error.context:
        yield error
        return
    deepest = max(len(inner.absolute_path) for inner in error.context)
    if deepest == len(error.absolute_path):
        yield error
        return
    for inner in error.context:
        if len(inner.absolute_path) == deepest:
            yield from _leaves(inner)


def _schema_problem(
    source: JsonSource, path: JsonPath, error: jsonschema.ValidationError
) -> Problem:
    wanted: Any = error.validator_value
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "required":
        message = f"{error.message.split(' ')[0]} is missing"
    elif error.validator == "anyOf":
        kinds = [option.get("type") for option in wanted if "type" in option]
        options = [" or ".join(option["required"]) for option in wanted if "required" in option]
        if options:
            message = f"needs {' or '.join(options)}"
        elif "minimum" in json.dumps(wanted) and isinstance(error.instance, int):
            message = "below its minimum"
        else:
            message = f"must be {' or '.join(map(str, kinds)) or 'something else'}"
    elif error.validator == "type":
        names = wanted if isinstance(wanted, list) else [wanted]
        message = f"must be {_article(' or '.join(names))}"
    elif error.validator == "enum":
        message = f"must be one of {', '.join(map(str, wanted))}"
    else:
        message = error.message
    return Problem(
        severity="error",
        file=str(source.file),
        line=source.line(path),
        path=path,
        value=MISSING if error.validator == "required" else error.instance,
        message=message,
        hint=str(rule.get("description", "")),
    )


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def check_scripts(layout: MmarLayout) -> list[Problem]:
    """The round script must be there; Windows line ends stop bash; the rest are warnings."""
    script = layout.round_script
    if not script.is_file():
        return [
            Problem(
                severity="error",
                file=str(script),
                message="no such script: it trains one job",
                hint="copy commands/automl_train_round.sh from the sample MMAR",
            )
        ]
    problems = []
    for file in sorted(layout.commands.glob("*.sh")):
        needed = file == script or file.name == "set_env.sh"
        if b"\r\n" in file.read_bytes():
            problems.append(
                Problem(
                    severity="error" if needed else "warning",
                    file=str(file),
                    line=1,
                    message="has Windows line ends, which bash cannot read",
                    hint=f"sed -i 's/\\r$//' {file.name}",
                )
            )
        if not os.access(file, os.X_OK):
            problems.append(
                Problem(
                    severity="warning",
                    file=str(file),
                    message="is not executable",
                    hint=f"chmod +x {file.name}; a search runs it with bash all the same",
                )
            )
    return problems


def check_validation_interval(mmar: Mmar) -> list[Problem]:
    """Fewer epochs than the interval between validations: no score would ever come."""
    epochs = mmar.variables.get("epochs")
    interval = mmar.variables.get("num_interval_per_valid")
    if not (isinstance(epochs, int) and isinstance(interval, int)) or interval <= epochs:
        return []
    source = mmar.train_config
    return [
        Problem(
            severity="error",
            file=str(source.file),
            line=source.line(("num_interval_per_valid",)),
            path=("num_interval_per_valid",),
            value=interval,
            message=f"validation every {interval} epochs, but a training has {epochs}: "
            "no job would get a score",
            hint=f"set num_interval_per_valid to {epochs} or less, or more epochs",
        )
    ]


def check_data_list(mmar: Mmar) -> list[Problem]:
    """Every file that the data list names, for the lists that the config uses."""
    problems: list[Problem] = []
    for section, path, dataset in _datasets(mmar.train_config.data):
        try:
            filled = substitute({key: dataset.get(key) for key in _DATASET_KEYS}, mmar.variables)
        except UnknownVariable as error:
            problems.append(
                Problem(
                    severity="error",
                    file=str(mmar.train_config.file),
                    line=mmar.train_config.line(path),
                    path=path,
                    value=f"{{{error.name}}}",
                    message=str(error),
                    hint="define it in config/environment.json or with --set",
                )
            )
            continue
        file = filled["data_list_file_path"]
        if isinstance(file, str):
            problems += _check_list(mmar, section, filled)
    return set_of(problems)


_DATASET_KEYS = ("data_list_file_path", "data_file_base_dir", "data_list_key")


def _datasets(config: Any) -> Iterator[tuple[str, JsonPath, Mapping[str, Any]]]:
    for section in ("train", "validate"):
        body = config.get(section)
        dataset = body.get("dataset") if isinstance(body, Mapping) else None
        if isinstance(dataset, Mapping) and "data_list_file_path" in dataset:
            yield section, (section, "dataset"), dataset


def _check_list(mmar: Mmar, section: str, dataset: Mapping[str, Any]) -> list[Problem]:
    root = mmar.layout.root
    file = locate_data(dataset["data_list_file_path"], root)
    try:
        source = read_json(file)
    except UnreadableJson as error:
        return [error.problem]
    except OSError:
        raw = mmar.environment.data.get("DATASET_JSON", "")
        tried = (
            ""
            if not raw or Path(raw).is_absolute()
            else (f"tried {root / raw} and {root / 'commands' / raw}; ")
        )
        return [
            Problem(
                severity="error",
                file=str(mmar.environment.file),
                line=mmar.environment.line(("DATASET_JSON",)),
                path=("DATASET_JSON",),
                value=str(raw or file),
                message="no such data list",
                hint=f"{tried}an MMAR's data may have to be prepared first "
                "(commands/prepare_dataset.sh)",
            )
        ]
    key = dataset["data_list_key"] or ("training" if section == "train" else "validation")
    entries = source.data.get(key) if isinstance(source.data, dict) else None
    if not isinstance(entries, list) or not entries:
        present = ", ".join(source.data) if isinstance(source.data, dict) else "no object"
        return [
            Problem(
                severity="error",
                file=str(file),
                line=source.line((key,)),
                path=(key,),
                value=MISSING if entries is None else entries,
                message=f"the list {key!r} of {section} is missing or empty",
                hint=f"the file has {present}",
            )
        ]
    base = Path(os.path.join(root, dataset["data_file_base_dir"] or file.parent))
    return _missing_files(source, key, entries, base, mmar)


def _missing_files(
    source: JsonSource, key: str, entries: list[Any], base: Path, mmar: Mmar
) -> list[Problem]:
    segmentation = mmar.variables.get("PROCESSING_TASK", "segmentation") == "segmentation"
    missing: list[tuple[JsonPath, Path]] = []
    problems = []
    for index, entry in enumerate(entries):
        path: JsonPath = (key, index)
        if not isinstance(entry, Mapping):
            continue
        for name in ("image", "label"):
            names_file = name == "image" or segmentation
            if name not in entry and names_file:
                problems.append(
                    Problem(
                        severity="error",
                        file=str(source.file),
                        line=source.line(path),
                        path=path,
                        value=dict(entry),
                        message=f"the entry names no {name}",
                    )
                )
            files = entry.get(name) if names_file else None
            for relative in files if isinstance(files, list) else [files]:
                if isinstance(relative, str) and not (base / relative).exists():
                    missing.append(((*path, name), base / relative))
    if missing:
        path, _ = missing[0]
        shown = ", ".join(str(file) for _, file in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        problems.append(
            Problem(
                severity="error",
                file=str(source.file),
                line=source.line(path),
                path=path,
                value=shown + more,
                message=f"{len(missing)} of the files of {key!r} ({len(entries)} entries) "
                "do not exist",
                hint=f"DATA_ROOT is {base}",
            )
        )
    return problems
