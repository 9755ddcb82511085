"""What has changed in an MMAR since a search began, and whether it can go on all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmar_automl.app.kept import kept_config
from mmar_automl.errors import MISSING, BadInput, EnvironmentFault, JsonPath, format_path
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.source import UnreadableJson, read_json
from mmar_automl.mmar.write import write_json

_CHOSEN = "chosen.json"
_TYPED = {"set.json": "--set"}
"""What a person has typed, where no file of the MMAR holds it."""
_OURS_TO_CHANGE = ("handlers", "scheduler", "limits")
_BUDGETS = ("max_jobs", "max_rounds")


def keep_configs(run: RunLayout, mmar: Mmar) -> None:
    """Keep what the search was started with, for a resume to compare. Raises `OSError`."""
    run.configs.mkdir(exist_ok=True)
    for name, value in _configs(mmar).items():
        write_json(run.configs / name, value)
    write_json(run.configs / _CHOSEN, {"automlconf": _automlconf(mmar)})


def words_of(run: RunLayout) -> tuple[dict[str, Any], str | None]:
    """The values of `--set` and of `--automlconf` that a search was started with.

    A resume need not repeat them. What is not kept, or cannot be read, is not there.
    """
    chosen = (kept_config(run, _CHOSEN) or {}).get("automlconf")
    return kept_config(run, "set.json") or {}, chosen if isinstance(chosen, str) else None


def _automlconf(mmar: Mmar) -> str | None:
    """What `--automlconf` chose, None for the usual file; relative, for an MMAR may move."""
    file, config = mmar.automl_config.file, mmar.layout.config
    if file == mmar.layout.automl_config:
        return None
    return str(file.relative_to(config) if file.is_relative_to(config) else file)


def refuse_changes(run: RunLayout, mmar: Mmar) -> None:
    """Raises `BadInput` naming every change since the search began that would mix two searches.

    What only adds passes: a larger budget, choices at the end of an enum, other handlers.
    """
    refused = []
    for name, now in _configs(mmar).items():
        try:
            before = read_json(run.configs / name).data
        except (OSError, UnreadableJson) as error:
            raise EnvironmentFault(f"{run.configs / name} cannot be read: {error}") from error
        for path, old, new in changes(before, now):
            if not _only_adds(name, path, old, new, before):
                where = f"{_TYPED.get(name, name)}: {format_path(path)}"
                refused.append(f"{where} was {_said(old)}, is {_said(new)}")
    if refused:
        raise BadInput(
            f"the MMAR has changed since {run.root.name} began:\n    " + "\n    ".join(refused),
            "take the changes back, or start a new search",
        )


def changes(before: Any, now: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Any, Any]]:
    """Every place where two JSON values differ, with what stood there and what does."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            yield from changes(before.get(key, MISSING), now.get(key, MISSING), (*path, key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from changes(old, new, (*path, index))
    elif type(before) is not type(now) or before != now:
        yield path, before, now


def _only_adds(name: str, path: JsonPath, old: Any, new: Any, before: Any) -> bool:
    if name == "config_automl.json":
        return path[0] in _OURS_TO_CHANGE or (
            path[:2] == ("controller", "args") and path[-1] in _BUDGETS
        )
    if name != "config_train.json" or path[-1] != "targets" or "search" not in path:
        return False
    entry = before
    for step in path[:-1]:
        entry = entry[step]
    both_lists = isinstance(old, list) and isinstance(new, list)
    return both_lists and entry.get("type") == "enum" and new[: len(old)] == old


def _configs(mmar: Mmar) -> dict[str, Any]:
    return {
        "config_train.json": mmar.train_config.data,
        "config_automl.json": mmar.automl_config.data,
        "environment.json": mmar.environment.data,
        "set.json": dict(mmar.overrides),
    }


def _said(value: Any) -> str:
    text = "not there" if value is MISSING else repr(value)
    return text if len(text) < 80 else f"{text[:77]}…"
