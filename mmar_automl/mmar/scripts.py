"""The scripts in commands/: what they call, what they set, and what bash cannot read."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from mmar_automl.errors import Problem
from mmar_automl.mmar.layout import MmarLayout

_OUR_TRAINER = re.compile(
    r"(mmar-automl|-m\s+mmar_automl)\s+train\b|-m\s+(medl|nvmidl)\.apps\.train\b"
)
_SET = re.compile(r"--set(?=[\s=])=?")
_END_OF_COMMAND = re.compile(r"[;|&)\n]")


def trains_with_ours(layout: MmarLayout) -> bool:
    """Whether the round script calls our trainer (or Clara's, which ours stands for).

    If not, the `train` and `validate` sections are another program's business.
    """
    text = _code(layout)
    return text is None or bool(_OUR_TRAINER.search(text))


def set_in_round_script(layout: MmarLayout) -> frozenset[str]:
    """The names that the round script gives by `--set`: they outrank the config."""
    text = _code(layout) or ""
    return frozenset(
        name
        for match in _SET.finditer(text)
        for word in _words(_END_OF_COMMAND.split(text[match.end() :], maxsplit=1)[0])
        for name, equals, _ in [word.partition("=")]
        if equals and name.isidentifier()
    )


def _words(text: str) -> Iterator[str]:
    """The words up to the next option, quotes taken off."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        # The closing quote is another command's: `options="--set a=1"`.
        words = text.replace('"', " ").replace("'", " ").split()
    for word in words:
        if word.startswith("-"):
            return
        yield word


def _code(layout: MmarLayout) -> str | None:
    """The round script without comments, its continued lines joined; None without a script."""
    try:
        text = layout.round_script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return re.sub(r"\\\n", " ", "\n".join(lines))


def check_quotes(layout: MmarLayout) -> list[Problem]:
    """Where a path with spaces would fall apart: `$MMAR_ROOT` without quotes in what a job runs."""
    if not re.search(r"\s", str(layout.root)):
        return []
    problems = []
    for file in (layout.round_script, layout.commands / "set_env.sh"):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, start=1):
            if _unquoted(line):
                problems.append(
                    Problem(
                        severity="error",
                        file=str(file),
                        line=number,
                        value=line.strip(),
                        message="$MMAR_ROOT stands without quotes, and the MMAR's path has a "
                        "space: bash would see several words",
                        hint='write "$MMAR_ROOT", or move the MMAR to a path without spaces',
                    )
                )
    return problems


def _unquoted(line: str) -> bool:
    if line.lstrip().startswith("#"):
        return False
    # An assignment and [[ … ]] do not split what they are given.
    split = re.sub(r"(^|\s)(export\s+)?\w+=\S*|\[\[.*?\]\]", " ", line)
    return any(
        split[: match.start()].count('"') % 2 == 0 and split[: match.start()].count("'") % 2 == 0
        for match in re.finditer(r"\$\{?MMAR_ROOT\b", split)
    )


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
        try:
            text = file.read_bytes()
        except OSError as error:
            if needed:
                message = f"cannot be read: {error.strerror}"
                problems.append(Problem(severity="error", file=str(file), message=message))
            continue
        at = text.find(b"\r\n")
        if at >= 0:
            problems.append(
                Problem(
                    severity="error" if needed else "warning",
                    file=str(file),
                    line=text.count(b"\n", 0, at) + 1,
                    message="has Windows line ends, which bash cannot read",
                    hint=f"sed -i 's/\\r$//' {shlex.quote(file.name)}",
                )
            )
        if not os.access(file, os.X_OK):
            problems.append(
                Problem(
                    severity="warning",
                    file=str(file),
                    message="is not executable",
                    hint=f"chmod +x {shlex.quote(file.name)}; a search runs it with bash "
                    "all the same",
                )
            )
    return problems
