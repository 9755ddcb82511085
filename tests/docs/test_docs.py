"""What the documentation says holds: links lead somewhere, commands exist, examples work."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MMAR_AUTOML, MakeMmar

ROOT = Path(__file__).parents[2]
PLACES = ("*.md", "docs/**/*.md", "sample_mmar/**/*.md", "mmar_automl/app/templates/**/*.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))
HOW_TO = ROOT / "docs/how-to/your-own-training-program.md"
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(page.read_text()) if found == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link is a file or folder of the project."""
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_json_examples_are_json(page: Path) -> None:
    """A reader copies them."""
    for body in blocks(page, "json"):
        json.loads(body)


def test_commands_that_are_named_exist() -> None:
    """Every `mmar-automl X` in the pages answers to --help."""
    text = "\n".join(page.read_text() for page in PAGES if page.name != "CHANGELOG.md")
    named = set(re.findall(r"mmar-automl ([a-z]+)\b", text))
    assert {"run", "validate", "report", "train"} <= named
    for command in sorted(named):
        done = subprocess.run(
            [*MMAR_AUTOML, command, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"mmar-automl {command}"


def test_make_targets_that_are_named_exist() -> None:
    """`make X` in the pages."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", text, re.MULTILINE))
    assert {first or second for first, second in named} <= targets


def test_the_readme_begins_with_the_two_commands() -> None:
    """And they are the Makefile's."""
    first = blocks(ROOT / "README.md", "bash")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]


def test_a_search_over_any_training_program(make_mmar: MakeMmar) -> None:
    """The how-to's config and script, with a program of ten lines, are a whole search."""
    mmar = make_mmar(json.loads(blocks(HOW_TO, "json")[0]))
    script = mmar.root / "commands/automl_train_round.sh"
    script.write_text(blocks(HOW_TO, "bash")[0])
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (mmar.root / "custom/train.py").write_text(
        "import json, os, sys\n"
        "root = sys.argv[1]\n"
        "config = json.load(open(root + '/config/config_train.json'))\n"
        "score = config['depth'] * config['rate']\n"
        "path = root + '/models/train_stats.json'\n"
        "json.dump({'best_validation_metric': score}, open(path + '.new', 'w'))\n"
        "os.replace(path + '.new', path)\n"
    )
    done = mmar.search()
    assert done.returncode == 0, done.stderr
    report = mmar.report()
    assert len(report["jobs"]) == 9
    assert report["jobs"][0]["score"] == pytest.approx(8.0)
    assert report["jobs"][0]["parameters"] == {"depth": 8, "rate": 1.0}


def test_the_reference_names_every_exit_status() -> None:
    """The table and the error tree agree."""
    from mmar_automl import errors

    table = (ROOT / "docs/reference.md").read_text()
    for name in vars(errors).values():
        if isinstance(name, type) and issubclass(name, errors.MmarAutomlError):
            code = getattr(name, "exit_code", None)
            assert code is None or f"| {code} |" in table
    assert "130, 143, 129" in table
    assert sys.version_info >= (3, 10)


def test_the_table_of_failure_classes_is_the_codes() -> None:
    """Every class with its policy, in docs/job-states.md as in `defs`."""
    from mmar_automl.defs import POLICIES

    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (yes|no) \| (yes|no) \|$",
        (ROOT / "docs/job-states.md").read_text(),
        re.MULTILINE,
    )
    told = {name: (retry == "yes", seen == "yes") for name, retry, seen in rows}
    assert told == {str(c): (policy.retry, policy.observation) for c, policy in POLICIES.items()}
