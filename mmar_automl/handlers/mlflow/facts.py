"""What is known of a search: its parameters, tags and files in MLflow."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import socket
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from mmar_automl import __version__
from mmar_automl.api import Worker
from mmar_automl.defs import Parameter, SearchSpace
from mmar_automl.handlers.mlflow.jobs import texts
from mmar_automl.handlers.mlflow.names import legal_name, text_of
from mmar_automl.mmar.datalist import DataList
from mmar_automl.mmar.load import DEFAULT_AUTOML_CONFIG, Mmar
from mmar_automl.search.describe import size, targets, when

_PACKAGES = ("torch", "monai", "mlflow", "optuna", "numpy", "nibabel")
_KINDS = ("controller", "pruner", "scheduler", "executor")
Facts = tuple[dict[str, Any], dict[str, str], dict[str, str]]
"""Parameters, tags, files."""


def of_search(
    mmar: Mmar,
    run_id: str,
    workers: Iterable[Worker],
    count: int | None,
    limits: Mapping[str, Any],
) -> Facts:
    """What the configs and the command line say."""
    parameters: dict[str, Any] = {}
    for kind in _KINDS:
        told = mmar.automl_config.data.get(kind, DEFAULT_AUTOML_CONFIG.get(kind))
        if isinstance(told, Mapping):
            parameters[kind] = told.get("path") or told.get("name") or "default"
            args = told.get("args")
            for name, value in args.items() if isinstance(args, Mapping) else ():
                parameters[f"{kind}.{name}"] = value
    placed = [f"{w.name}: {','.join(map(str, w.gpus)) or 'cpu'}" for w in workers]
    parameters["workers"] = count if count is not None else len(placed)
    parameters.update({f"set.{name}": value for name, value in mmar.overrides.items()})
    parameters.update({f"limits.{name}": value for name, value in limits.items()})
    tags = {
        "mmar_automl.workers": "; ".join(placed) or str(count),
        "mmar_automl.run_id": run_id,
        "mmar_automl.mmar": mmar.layout.root.name,
        "mlflow.note.content": f"A search over {mmar.layout.root.name}, {run_id}.",
        "mlflow.source.name": "mmar-automl",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
        **{f"mmar_automl.version.{name}": version for name, version in _versions()},
    }
    files = {**texts(mmar.train_config.file), **texts(mmar.automl_config.file)}
    return parameters, tags, {**files, **texts(mmar.environment.file)}


def of_space(space: SearchSpace) -> Facts:
    """What is searched."""
    described = [_described(parameter, space) for parameter in space]
    parameters = {"space.parameters": len(described), "space.size": size(space)}
    return parameters, {}, {"search_space.json": text_of(described)}


def of_data(lists: Iterable[DataList]) -> Facts:
    """How many cases there are, and a fingerprint: of the lists and of the sizes of the files.

    Sizes and not contents: terabytes are not read for it. Times would change with every copy.
    """
    hashed = hashlib.sha256()
    parameters: dict[str, Any] = {}
    seen = False
    for item in lists:
        if item.content is None:
            continue
        seen = True
        hashed.update(text_of(item.content).encode("utf-8", "surrogatepass"))
        for file in _files(item):
            try:
                hashed.update(str(os.stat(file).st_size).encode())
            except (OSError, ValueError):
                hashed.update(b"-")
        for key, value in item.content.items() if isinstance(item.content, dict) else ():
            if isinstance(value, list):
                parameters[f"data.{key}"] = len(value)
    if seen:
        parameters["data.fingerprint"] = f"sha256:{hashed.hexdigest()[:32]}"
    return parameters, {}, {}


def of_code(root: Path) -> Facts:
    """The commit that the MMAR stands in, and whether it was changed since; nothing without one."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return {}, {}, {}
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD") or ""
    tags = {
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": branch,
        "mmar_automl.git.dirty": "unknown" if changed is None else str(bool(changed)).lower(),
    }
    return {}, tags, {}


def of_process() -> dict[str, str]:
    """Tags by which a later search knows whether this one still lives."""
    process = psutil.Process()
    return {
        "mmar_automl.host": socket.gethostname(),
        "mmar_automl.pid": str(process.pid),
        "mmar_automl.process_started": f"{process.create_time():.2f}",
    }


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process of these tags was on this machine and is no more."""
    if tags.get("mmar_automl.host") != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(tags["mmar_automl.pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - float(tags["mmar_automl.process_started"])) > 1.0
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, KeyError, ValueError):
        return False


def _described(parameter: Parameter, space: SearchSpace) -> dict[str, Any]:
    return {
        "names": list(parameter.names),
        "mlflow": [legal_name(name) for name in parameter.names],
        "prl": str(parameter.key),
        "kind": type(parameter.domain).__name__,
        "targets": targets(parameter),
        "when": when(parameter, space),
    }


def _versions() -> Iterable[tuple[str, str]]:
    yield "mmar-automl", __version__
    yield "python", platform.python_version()
    for name in _PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _files(item: DataList) -> Iterable[Path]:
    for entry in item.entries():
        values = entry.values() if isinstance(entry, Mapping) else [entry]
        for value in values:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str) and one and "\0" not in one:
                    yield item.base / one


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
