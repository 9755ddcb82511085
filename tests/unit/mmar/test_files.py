"""Schemas, scripts, variables, and how an MMAR is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mmar_automl.errors import BadInput, ConfigProblems
from mmar_automl.mmar.environment import parse_set, substitute, variables
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.load import find_root, load, read
from mmar_automl.mmar.schema import check_schema, schema
from mmar_automl.mmar.scripts import check_scripts, set_in_round_script, trains_with_ours
from mmar_automl.mmar.source import read_json
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import read_space

MMARS = Path(__file__).parents[2] / "mmars"
NAMES = ("config_train", "config_automl", "environment")
CLARA = sorted(MMARS.glob("clara/*/config/*.json"))


def schema_of(file: Path) -> str:
    if file.name.startswith("config_automl"):
        return "config_automl"
    return "environment" if file.name == "environment.json" else "config_train"


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_schema(name: str) -> None:
    """An editor can use it, and it says something about each key."""
    published = schema(name)
    jsonschema.Draft202012Validator.check_schema(published)
    silent = []

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, child in node.get("properties", {}).items():
                in_condition = "/if/" in path or "/then/" in path
                if isinstance(child, dict) and "description" not in child and not in_condition:
                    silent.append(f"{path}/{key}")
            for key, child in node.items():
                walk(child, f"{path}/{key}/")
        elif isinstance(node, list):
            for child in node:
                walk(child, path)

    walk(published, "")
    assert silent == []
    assert "$schema" in published["properties"]


@pytest.mark.parametrize("file", CLARA, ids=lambda file: f"{file.parts[-3]}/{file.name}")
def test_claras_own_files_fit_their_schemas(file: Path) -> None:
    """What Clara ships is right by the schema, too."""
    jsonschema.Draft202012Validator(schema(schema_of(file))).validate(json.loads(file.read_text()))


ENTRIES: list[dict[str, Any]] = [
    {"domain": "lr", "type": "float", "args": ["x"], "targets": [0, 1]},
    {"type": "float", "args": "x", "targets": [1e-4, 1], "scale": "log", "default": 0.1},
    {"type": "int", "args": ["x"], "targets": [1, 9], "step": 2},
    {"type": "bool", "args": ["x#alias"]},
    {"type": "enum", "args": ["x", "y"], "targets": [[1, 2], [3, 4]]},
    {"type": "enum", "args": ["x"], "targets": [0.0, 1.0]},
    {"type": "enum", "args": ["x"], "targets": [[None], [[1]]], "default": None},
    {"type": "floot", "args": ["x"], "targets": [0, 1]},
    {"type": "float", "targets": [0, 1]},
    {"type": "float", "args": [], "targets": [0, 1]},
    {"type": "float", "args": ["x"], "targets": [0, 1, 2]},
    {"type": "float", "args": ["x"], "targets": ["0", 1]},
    {"type": "float", "args": ["x"]},
    {"type": "enum", "args": ["x"], "targets": []},
    {"type": "float", "args": ["x"], "targets": [1, 2], "scale": "exp"},
    {"type": "float", "args": ["x"], "targets": [1, 2], "step": 0},
    {"domain": "a.b", "type": "bool", "args": ["x"]},
    {"type": "bool", "args": ["x"], "when": {"y": 1}},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=json.dumps)
def test_schema_and_reader_agree(entry: dict[str, Any]) -> None:
    """An editor marks no entry that we accept, nor passes one whose form we refuse."""
    config = {"x": 1, "search": [entry]}
    findings = Findings()
    read_space(config, findings)
    fits = jsonschema.Draft202012Validator(schema("config_train")).is_valid(config)
    assert fits == (findings.errors == 0)


@pytest.mark.parametrize("fault", sorted(p.parent.name for p in MMARS.glob("*/expected.txt")))
def test_schema_marks_nothing_that_validate_accepts(fault: str) -> None:
    """A config that exits 0 fits its schema."""
    if "exit 0" not in (MMARS / fault / "expected.txt").read_text():
        return
    for file in (MMARS / fault / "config").glob("*.json"):
        config = json.loads(file.read_text(encoding="utf-8-sig"))
        assert jsonschema.Draft202012Validator(schema(schema_of(file))).is_valid(config)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epochs": 0}, "must be at least 1"),
        ({"epochs": "{n}"}, None),
        ({"epochs": "many"}, "must be a whole number or a {variable}"),
        ({"amp": 1}, "must be true or false or a {variable}"),
        ({"learning_rate": "0.1"}, "a number in quotes"),
        ({"train": {"loss": []}}, "must not be empty"),
        ({"train": {"loss": 3}}, "must be an object or a list"),
        ({"train": {"pre_transforms": [3]}}, "must be an object"),
        ({"train": {"loss": {"name": 3}}}, "must be a text"),
        ({"train": {"loss": {"name": "A", "rank": -1}}}, "must be at least 0"),
        ({"__epochs": []}, None),
    ],
)
def test_what_the_schema_says(content: Any, said: str | None, tmp_path: Path) -> None:
    """One sentence each, in words."""
    file = tmp_path / "config_train.json"
    file.write_text(json.dumps(content))
    messages = [problem.message for problem in check_schema(read_json(file), "config_train")]
    if said is None:
        assert messages == []
    else:
        assert len(messages) == 1
        assert said in messages[0]


def script(tmp_path: Path, text: str) -> MmarLayout:
    layout = MmarLayout(tmp_path)
    layout.commands.mkdir(exist_ok=True)
    layout.round_script.write_text(text)
    layout.round_script.chmod(0o755)
    return layout


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("train --set a=1 b=2 c\n", {"a", "b"}),
        ("train --set a=1 --strict b=2\n", {"a"}),
        ("train --set a=1 \\\n   b=2\n", {"a", "b"}),
        ('train --set "a=1" \'b=2\' "$@"\n', {"a", "b"}),
        ('options="--set a=1 b=2"\ntrain $options\n', {"a", "b"}),
        ("train --set a=$A; c=1\n", {"a"}),
        ("train --set a=1 | tee b=2\n", {"a"}),
        ("# train --set a=1\n", set()),
        ("train --set print_conf=True # b=2\n", {"print_conf"}),
        ("train --settings a=1\n", set()),
        ("train --set\n", set()),
    ],
)
def test_what_a_round_script_sets(text: str, names: set[str], tmp_path: Path) -> None:
    """Names after --set, over continued lines and quotes, without comments and other commands."""
    assert set_in_round_script(script(tmp_path, text)) == names


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("mmar-automl train -m .", True),
        ("python3 -u -m mmar_automl train -m .", True),
        ("python3 -m medl.apps.train -m .", True),
        ("python3 -m nvmidl.apps.train -m .", True),
        ("# mmar-automl train\npython3 mine.py", False),
        ("python3 train.py", False),
    ],
)
def test_whose_trainer(text: str, ours: bool, tmp_path: Path) -> None:
    """Ours, or Clara's that ours stands for; comments do not count."""
    assert trains_with_ours(script(tmp_path, text)) is ours


def test_odd_things_in_commands(tmp_path: Path) -> None:
    """A folder or a broken link that ends in .sh is no script, and no crash."""
    layout = script(tmp_path, "true\n")
    (layout.commands / "folder.sh").mkdir()
    (layout.commands / "broken.sh").symlink_to("nowhere")
    assert check_scripts(layout) == []
    (layout.commands / "set_env.sh").write_text("a=1\nb=2\r\n")
    problems = check_scripts(layout)
    assert [(p.severity, p.line) for p in problems] == [("error", 2), ("warning", None)]


def test_words_of_set() -> None:
    """Typed as Clara does; a word without = is ignored; what no JSON could hold stays text."""
    words = "a=1 b=1e-3 c=true d=N e=x f=1=2 bare =3 g= h=nan i=inf j=1_000 k=1e999 l=-5 m=.5"
    assert parse_set(words.split()) == {
        "a": 1,
        "b": 0.001,
        "c": True,
        "d": False,
        "e": "x",
        "f": "1=2",
        "g": "",
        "h": "nan",
        "i": "inf",
        "j": "1_000",
        "k": "1e999",
        "l": -5,
        "m": 0.5,
    }


def test_precedence_and_paths(tmp_path: Path) -> None:
    """config < environment < --set; MMAR_ paths from the root, data from root or commands/."""
    (tmp_path / "commands" / "data").mkdir(parents=True)
    known = variables(
        {"a": 1, "b": 1, "c": 1, "search": [], "n": None},
        {"b": 2, "c": 2, "MMAR_CKPT": "models/x.pt", "DATA_ROOT": "data"},
        {"c": 3},
        tmp_path,
    )
    assert (known["a"], known["b"], known["c"]) == (1, 2, 3)
    assert known["MMAR_CKPT"] == str(tmp_path / "models/x.pt")
    assert known["DATA_ROOT"] == str(tmp_path / "commands" / "data")
    assert "search" not in known
    assert "n" not in known


def test_substitute_leaves_code_alone() -> None:
    """A whole {name} keeps its type; code keeps its braces."""
    value = {"a": "{n}", "b": ["x{n}y", "{m}{n}"], "c": "#{n}", "d": "lambda x: {n}"}
    assert substitute(value, {"n": 3}) == {
        "a": 3,
        "b": ["x3y", "{m}3"],
        "c": "#{n}",
        "d": "lambda x: {n}",
    }


def test_where_an_mmar_is(tmp_path: Path) -> None:
    """The nearest MMAR is offered."""
    (tmp_path / "mine" / "config").mkdir(parents=True)
    assert find_root(tmp_path / "mine").root == (tmp_path / "mine").resolve()
    with pytest.raises(BadInput) as caught:
        find_root(tmp_path)
    assert caught.value.hint == f"did you mean {tmp_path / 'mine'}?"
    with pytest.raises(BadInput) as caught:
        find_root(tmp_path / "mine" / "config")
    assert caught.value.hint == f"did you mean {(tmp_path / 'mine').resolve()}?"
    with pytest.raises(BadInput):
        find_root(Path("~nobody-of-this-name"))


def test_reading_goes_on_after_a_broken_file(tmp_path: Path) -> None:
    """`read` gives what there is, `load` refuses; a missing environment is an empty one."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config_train.json").write_text('{"x": 1}')
    (tmp_path / "config" / "config_automl.json").write_text("{")
    mmar, problems = read(tmp_path)
    assert mmar.train_config.data == {"x": 1}
    assert mmar.environment.readable
    assert not mmar.automl_config.readable
    assert len(problems) == 1
    with pytest.raises(ConfigProblems):
        load(tmp_path)


def test_config_file_names_the_training_config(tmp_path: Path) -> None:
    """MMARHandler's train_config_file, with {trainconf} from --set; the default without it."""
    (tmp_path / "config").mkdir()
    for name in ("config_train", "other"):
        (tmp_path / "config" / f"{name}.json").write_text(json.dumps({"name": name}))
    handler = {"name": "MMARHandler", "args": {"train_config_file": "{trainconf}"}}
    (tmp_path / "config" / "config_automl.json").write_text(json.dumps({"handlers": [handler]}))
    assert load(tmp_path, {"trainconf": "other.json"}).train_config.data == {"name": "other"}
    assert load(tmp_path).train_config.data == {"name": "config_train"}
    for name in ("gone\0.json", "a" * 5000, "."):
        _, problems = read(tmp_path, {"trainconf": name})
        assert len(problems) == 1
