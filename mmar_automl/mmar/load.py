"""An MMAR as read from disk: its configs with the places in them, and its variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mmar_automl.errors import BadInput, ConfigProblems, EnvironmentFault, Problem
from mmar_automl.mmar.environment import DATA_PATHS, locate_data, variables
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json

DEFAULT_AUTOML_CONFIG: dict[str, Any] = {
    "handlers": [{"name": "MMARHandler"}, {"name": "StatsHandler"}, {"name": "MMARStatsHandler"}],
    "executor": {"name": "MMARExecutor", "args": {"remove_search_augs": True}},
    "controller": {"name": "AutoController"},
}
"""What an MMAR without a config_automl.json searches with."""


@dataclass(frozen=True, kw_only=True)
class Mmar:
    """A loaded MMAR. `overrides` are the typed words of `--set`."""

    layout: MmarLayout
    train_config: JsonSource
    automl_config: JsonSource
    environment: JsonSource
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def variables(self) -> dict[str, Any]:
        """Every `{name}`, by Clara's precedence, with absolute paths."""
        return variables(
            self.train_config.data, self.environment.data, self.overrides, self.layout.root
        )

    def job_environment(self) -> dict[str, Any]:
        """environment.json for a job: the data's paths absolute, `MMAR_` ones still relative."""
        environment = dict(self.environment.data)
        for name in DATA_PATHS:
            if isinstance(environment.get(name), str) and environment[name]:
                environment[name] = str(locate_data(environment[name], self.layout.root))
        return environment

    def job_overrides(self) -> dict[str, Any]:
        """The words of `--set` for a job's training: the data's paths absolute."""
        overrides = dict(self.overrides)
        for name in DATA_PATHS:
            if isinstance(overrides.get(name), str) and overrides[name]:
                overrides[name] = str(locate_data(overrides[name], self.layout.root))
        return overrides


def find_root(path: Path) -> MmarLayout:
    """The layout of an MMAR; raises `BadInput` where there is none, with the nearest one."""
    try:
        root = Path(path).expanduser()
        if not root.exists():
            raise BadInput(f"no such directory: {path}")
        if not root.is_dir():
            raise BadInput(f"{path} is a file; an MMAR is a directory")
        layout = MmarLayout(root.resolve())
        if layout.config.is_dir():
            return layout
        inside = [child.name for child in sorted(root.iterdir()) if (child / "config").is_dir()]
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{path} cannot be opened: {reason}") from error
    hint = f"did you mean {root / inside[0]}?" if inside else ""
    if layout.root.name == "config":
        hint = f"did you mean {layout.root.parent}?"
    raise BadInput(f"{path} is no MMAR: it has no folder config/", hint)


def load(
    path: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    train_config: str | None = None,
    automl_config: str | None = None,
) -> Mmar:
    """Read the configs of the MMAR at `path`; the file names are relative to its `config/`.

    Raises `BadInput` if it is no MMAR, `ConfigProblems` with every file that cannot be read. A
    missing config_automl.json or environment.json is an empty one, with the defaults.
    """
    mmar, problems = read(path, overrides, train_config=train_config, automl_config=automl_config)
    if problems:
        raise ConfigProblems(problems)
    return mmar


def read(
    path: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    train_config: str | None = None,
    automl_config: str | None = None,
) -> tuple[Mmar, list[Problem]]:
    """As `load`, but with an empty config in place of a file that cannot be read, and why."""
    layout = find_root(path)
    given = dict(overrides or {})
    problems: list[Problem] = []
    automl = _read(
        layout.config / (automl_config or layout.automl_config.name),
        problems,
        None if automl_config else DEFAULT_AUTOML_CONFIG,
    )
    name = train_config or _named_in(automl.data, given)
    train = _read(layout.config / name if name else layout.train_config, problems)
    environment = _read(layout.environment, problems, {})
    mmar = Mmar(
        layout=layout,
        train_config=train,
        automl_config=automl,
        environment=environment,
        overrides=given,
    )
    return mmar, problems


def component_args(automl: Any, kind: str, name: str) -> dict[str, Any]:
    """The args of the enabled component of this name under `kind` (`handlers`), or none.

    A class of that name given by its path counts: `medl.apps.automl.mmar_handler.MMARHandler`.
    """
    found = automl.get(kind, []) if isinstance(automl, Mapping) else []
    for component in found if isinstance(found, list) else [found]:
        if not isinstance(component, Mapping):
            continue
        called = str(component.get("path") or component.get("name")).rpartition(".")[2]
        if called == name:
            args = component.get("args")
            if isinstance(args, dict) and component.get("disabled") is not True:
                return args
    return {}


def _named_in(automl: Any, overrides: dict[str, Any]) -> str | None:
    """The training config that MMARHandler names, `{trainconf}` filled in from `--set`."""
    name = component_args(automl, "handlers", "MMARHandler").get("train_config_file")
    if name == "{trainconf}":
        name = overrides.get("trainconf")
    return str(name) if name is not None else None


def _read(file: Path, problems: list[Problem], default: Any = None) -> JsonSource:
    """The file, or a stand-in with a problem; with a `default`, the file may be missing."""
    message = hint = ""
    try:
        source = read_json(file)
        if isinstance(source.data, dict):
            return source
        message = "not a JSON object: {…}"
    except UnreadableJson as error:
        problems.append(error.problem)
    except FileNotFoundError:
        if default is not None:
            return JsonSource(file, default, {})
        others = sorted(other.name for other in file.parent.glob("*.json"))
        message = "no such file"
        hint = f"{file.parent.name}/ has {', '.join(others)}" if others else ""
    except PermissionError as error:
        raise EnvironmentFault(f"{file} cannot be read: {error.strerror}") from error
    except IsADirectoryError:
        message = "a directory, not a file"
    except (OSError, ValueError) as error:
        # A name may be too long, or hold what no file name can.
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"cannot be read: {reason}"
    if message:
        problems.append(Problem(severity="error", file=str(file), message=message, hint=hint))
    return JsonSource(file, {} if default is None else default, {}, readable=False)
