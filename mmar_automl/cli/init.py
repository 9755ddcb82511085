"""`mmar-automl init DIR`"""

from __future__ import annotations

import atexit
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from mmar_automl.cli.console import say, warn

_EXAMPLES = (
    "Examples:  mmar-automl init my_mmar  ·  "
    "mmar-automl init my_mmar --data-list /data/spleen/dataset.json --data-root /data/spleen"
)
_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init", epilog=_EXAMPLES)(init)


def init(
    root: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)
    ],
    data_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your data list (training and validation). Default: synthetic volumes, made on "
            "the spot.",
            show_default=False,
        ),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the paths in --data-list start from. Default: its own folder.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also into a folder that has files: what is missing is added, nothing is "
            "overwritten.",
        ),
    ] = False,
) -> None:
    """Make a new MMAR: configs with a search space, commands, a README that says what to edit.

    It can be searched as it is, on small synthetic volumes, in a minute.
    """
    from mmar_automl.app.create import create

    made = create(root, force=force, data_list=data_list, data_root=data_root)
    # It is there, whole: a Ctrl-C while Python winds up must not end in a status that denies it.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    if made.kept:
        names = ", ".join(map(str, made.kept[:_SHOWN])) + (", …" if len(made.kept) > _SHOWN else "")
        one = len(made.kept) == 1
        warn(f"was there and stays as it is: {names}" if one else
             f"{len(made.kept)} files were there and stay as they are: {names}")  # fmt: skip
    say(f"{made.root}: a new MMAR, {'on your data list' if data_list else 'on synthetic data'}")
    if made.fitted:
        say(f"with {made.fitted}, as the data list says")
    shown = shlex.quote(str(root))
    say(f"check it:    mmar-automl validate {shown}")
    say(f"search it:   mmar-automl run {shown}")
    say(f"what to edit: {root / 'README.md'}")
