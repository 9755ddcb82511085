"""`mmar-automl components [WORD]`"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from mmar_automl.cli.console import out, print_json, say

if TYPE_CHECKING:
    from mmar_automl.app.catalogue import Entry

_EXAMPLES = (
    "Examples:  mmar-automl components controllers  ·  mmar-automl components transforms  ·  "
    "mmar-automl components DiceCELoss  ·  mmar-automl components handlers --root sample_mmar"
)
_PLACES = {
    "handler": '"handlers": [{}]',
    "transform": '"pre_transforms": [{}]',
    "training_handler": '"handlers": [{}]',
    "metric": '"key_metric": {}',
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("components", epilog=_EXAMPLES)(components)


def complete(begun: str) -> list[str]:
    """The kinds, and what is built in; the thousand names of MONAI would help nobody."""
    from mmar_automl.app.builtins import BUILTINS
    from mmar_automl.app.catalogue import kinds

    words = [*kinds(), *(name for group in BUILTINS.values() for name in group)]
    return [word for word in words if word.startswith(begun)]


def components(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND|NAME",
            help="A kind (controllers, losses, …) or one component; everything by default.",
            show_default=False,
            autocompletion=complete,
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="An MMAR: with the classes in its custom/.", show_default=False),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what the configs may name: args, defaults, and what each is for.

    A name instead of a kind shows that one in full. torch is not loaded, your Python is not run.
    """
    from mmar_automl.app.catalogue import kind_of, kinds, named, of_kind

    chosen = None if word is None else kind_of(word)
    if word is not None and chosen is None:
        found = named(word, root)
        if json_:
            print_json(_as_json(found))
        else:
            for entry in found:
                _print_one(entry)
        return
    listed = {kind: of_kind(kind, root) for kind in ([chosen] if chosen else kinds())}
    if json_:
        print_json(_as_json(entry for entries in listed.values() for entry in entries))
        return
    for kind, entries in listed.items():
        config = kinds()[kind]
        if chosen is None and config == "config_train.json":
            own = [entry for entry in entries if entry.path]
            _print_kind(kind, config, own, f"{len(entries)}: mmar-automl components {kind}")
        else:
            _print_kind(kind, config, entries, str(len(entries)))


def _print_kind(kind: str, config: str, entries: Sequence[Entry], said: str) -> None:
    out.print(Text.assemble((kind, "bold cyan"), f" in {config} ({said})"), soft_wrap=True)
    for entry in entries:
        head = Text.assemble("  ", (entry.path or entry.name, "bold"), _signature(entry))
        out.print(head, soft_wrap=True)
        first = _first(entry.doc)
        if first:
            out.print(Text(f"      {first}", style="dim"), soft_wrap=True)


def _signature(entry: Entry) -> str:
    if entry.args is None:
        return "(…)"
    words = [arg.name if arg.required else f"{arg.name}={arg.default}" for arg in entry.args]
    return f"({', '.join([*words, *(['…'] if entry.open else [])])})"


def _first(doc: str) -> str:
    """The first sentence or paragraph of a docstring, on one line."""
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.strip()


def _print_one(entry: Entry) -> None:
    source = f" ({entry.source})" if entry.source else ""
    head = Text.assemble((entry.path or entry.name, "bold"), f": a {entry.kind}{source}")
    out.print(head, soft_wrap=True)
    given: dict[str, Any] = {"path": entry.path} if entry.path else {"name": entry.name}
    needed = {arg.name: "…" for arg in entry.args or () if arg.required}
    place = _PLACES.get(entry.kind, f'"{entry.kind}": {{}}')
    shown = json.dumps({**given, **({"args": needed} if needed else {})}, ensure_ascii=False)
    say(f"in {entry.config}: {place.replace('{}', shown)}")
    for arg in entry.args or ():
        kind = f": {arg.type}" if arg.type else ""
        default = "" if arg.required else f" = {arg.default}"
        out.print(Text.assemble("  ", (arg.name, "cyan"), kind, default), soft_wrap=True)
    if entry.args is None or entry.open:
        say("  and what it hands on" if entry.open else "  its arguments cannot be told")
    say("")
    say(entry.doc or "It has no docstring.")
    say("")


def _as_json(entries: Iterable[Entry]) -> dict[str, Any]:
    return {
        "components": [
            {
                "kind": entry.kind,
                "name": entry.name,
                "path": entry.path or None,
                "config": entry.config,
                "source": entry.source or None,
                "args": None
                if entry.args is None
                else [
                    {
                        "name": arg.name,
                        "required": arg.required,
                        "default": arg.default,
                        "type": arg.type,
                    }
                    for arg in entry.args
                ],
                "takes_more": entry.open,
                "doc": entry.doc,
            }
            for entry in entries
        ]
    }
