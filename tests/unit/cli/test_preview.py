"""`preview`: what a person sees and a script reads, with nothing run or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Make = Callable[..., Path]
GRID = {"config/config_automl.json": {"controller": {"name": "GridController"}}}


def enum(args: list[str], targets: Any, **keys: Any) -> dict[str, Any]:
    return {"domain": "net", "type": "enum", "args": args, "targets": targets, **keys}


CONFIG = {
    "learning_rate": 0.01,
    "search": [
        {
            "domain": "lr",
            "type": "float",
            "args": ["learning_rate"],
            "targets": [1e-4, 0.1],
            "scale": "log",
        },
        enum(["no_sgd", "no_adam"], [[False, True], [True, False]]),
    ],
    "train": {
        "optimizer": [
            {
                "name": "SGD",
                "args": {"lr": "{learning_rate}", "momentum": 0.9},
                "apply": {"@disabled": "no_sgd"},
                "search": [enum(["momentum#m"], [[0.5], [0.9]])],
            },
            {"name": "Adam", "args": {"lr": "{unknown}"}, "apply": {"@disabled": "no_adam"}},
        ],
        "dataset": {"name": "NoSuchDataset", "data_list_file_path": "{DATASET_JSON}"},
        "handler": {"name": "H", "args": {"momentum": 0}, "apply": {"momentum": "m"}},
    },
}


def test_for_scripts(run: Run, make: Make) -> None:
    """The JSON has exactly the keys agreed on; conditions are by name and value."""
    done = run("preview", make(CONFIG, files=GRID), "--json", "-n", "2")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "parameters": [
            {
                "name": "learning_rate",
                "key": "lr.float$0:learning_rate",
                "type": "float",
                "targets": [0.0001, 0.1],
                "scale": "log",
                "default": 0.01,
                "when": {"no_sgd": [False]},
            },
            {
                "name": "no_sgd",
                "key": "net.enum$1:no_sgd/no_adam",
                "type": "enum",
                "targets": [[False, True], [True, False]],
                "scale": None,
                "default": None,
                "when": {},
            },
            {
                "name": "no_adam",
                "key": "net.enum$1:no_sgd/no_adam",
                "type": "enum",
                "targets": [[False, True], [True, False]],
                "scale": None,
                "default": None,
                "when": {},
            },
            {
                "name": "SGD.momentum",
                "key": "net.enum.train.optimizer.#1$0:momentum",
                "type": "enum",
                "targets": [[0.5], [0.9]],
                "scale": None,
                "default": 0.9,
                "when": {},
            },
        ],
        "distinct_configurations": None,
        "recommendations": [
            {
                "values": {
                    "learning_rate": 0.0001,
                    "no_sgd": False,
                    "no_adam": True,
                    "SGD.momentum": 0.5,
                }
            },
            {
                "values": {
                    "learning_rate": pytest.approx(0.00316227766),
                    "no_sgd": False,
                    "no_adam": True,
                    "SGD.momentum": 0.5,
                }
            },
        ],
    }


def test_for_people(run: Run, make: Make) -> None:
    """A table, a size, and each recommendation as a diff, the values as they would be written."""
    done = run("preview", make(CONFIG, files=GRID), "-n", "1")
    assert done.code == 0
    for words in (
        "learning_rate",
        "[0.0001, 0.1]",
        "log",
        "no_sgd = false",
        "& no_adam",
        "SGD.momentum (m)",
        "0.5 | 0.9",
        "infinitely many configurations",
        "GridController: every combination",
        "    learning_rate: 0.01 → 0.0001",
        "    train.optimizer[0].args.momentum: 0.9 → 0.5",
        "    train.optimizer[1].disabled: none → true",
        "    train.handler.args.momentum: 0 → 0.5",
    ):
        assert words in done.out, words


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_any_width(columns: int, make: Make) -> None:
    """Nothing is cut off, however narrow the terminal."""
    import io

    from rich.console import Console

    from mmar_automl.app.preview import preview
    from mmar_automl.cli.preview import _print_space

    found = preview(make(CONFIG, files=GRID), number=1)
    stream = io.StringIO()
    _print_space(found.space, Console(file=stream, width=columns))
    text = stream.getvalue()
    for word in ("SGD.momentum (m)", "0.5 | 0.9", "no_sgd = false", "[0.0001, 0.1]"):
        assert word in text
    if columns > 40:
        assert max(map(len, text.splitlines())) <= columns


def test_another_controller_stands_in_for_one_that_cannot_be_had(run: Run, make: Make) -> None:
    """The default one, and it is said whose proposals these are."""
    files = {"config/config_automl.json": {"controller": {"name": "NotYet"}}}
    done = run("preview", make(CONFIG, files=files))
    assert done.code == 0
    assert "these are the proposals of AutoController" in done.out
    finite = {"x": 1, "search": [enum(["x"], [[1], [2]])]}
    done = run("preview", make(finite, files=files), "--json")
    assert "these are the proposals of AutoController" in done.err
    assert [r["values"] for r in done.json["recommendations"]] == [{"x": 1}, {"x": 2}]


def test_clara_examples_preview(run: Run, copy_mmar: Callable[[str], Path]) -> None:
    """Every example previews, with its data, its MONAI and its controller out of reach."""
    for tree in ("pytorch", "tensorflow"):
        root = copy_mmar(f"clara/{tree}")
        for file in sorted((root / "config").glob("trn_autoML_*.json")):
            done = run("preview", root, "--set", f"trainconf={file.name}", "--json")
            assert done.code == 0, done.err
            assert done.json["parameters"]
            assert done.json["recommendations"]


def test_own_controller(run: Run, make: Make) -> None:
    """A user's controller is asked; one that fails gives a sentence, not a traceback."""
    code = (
        "from mmar_automl.api import Controller\n"
        "from mmar_automl.defs import Recommendation, SearchResult\n"
        "class Mine(Controller):\n"
        "    def set_search_space(self, space, ctx): self.space = space\n"
        "    def initial_recommendation(self, ctx):\n"
        "        values = {p.key: 1 for p in self.space}\n"
        "        return [Recommendation(1, SearchResult(self.space, values))]\n"
        "    def refine_recommendation(self, outcome, ctx): return []\n"
        "class Broken(Mine):\n"
        "    def initial_recommendation(self, ctx): return 1 / 0\n"
    )
    files: dict[str, Any] = {
        "config/config_automl.json": {"controller": {"path": "preview_controllers.Mine"}},
        "custom/preview_controllers.py": code,
    }
    config = {"x": 1, "search": [enum(["x"], [[1], [2]])]}
    done = run("preview", make(config, files=files), "--json")
    assert [r["values"] for r in done.json["recommendations"]] == [{"x": 2}]
    files["config/config_automl.json"] = {"controller": {"path": "preview_controllers.Broken"}}
    done = run("preview", make(config, files=files))
    assert done.code == 2
    assert "preview_controllers.Broken cannot propose anything: ZeroDivisionError" in done.err


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("[made({'nobody': 1})]", "Mine proposed a value for 'nobody', which is no parameter"),
        ("[made({KEY: 7})]", "there is no choice 7 of 2"),
        ("[made({KEY: 0}), made({KEY: 1})]", "Mine used the recommendation id 1 twice"),
        ("[made(None)]", "Mine returned the recommendation 1, whose values are None, which are"),
        ("[Recommendation(1, {KEY: 1})]", "whose result is {'net.enum$0:x': 1}, which is no"),
        ("[Recommendation('a', SearchResult(self.space, {}))]", "the recommendation id 'a', which"),
        ("'all of it'", "Mine returned 'all of it', which is no list of recommendations"),
        ("[3]", "Mine returned 3, which is no Recommendation"),
        ("7", "Mine returned 7, which is no list of recommendations"),
    ],
)
def test_what_a_run_would_refuse_is_refused(
    run: Run, make: Make, answer: str, told: str, request: pytest.FixtureRequest
) -> None:
    """In the engine's words, and with nothing shown as if it could be run."""
    done = run("preview", make(ONE, files=own_controller(answer, request)))
    assert done.code == 2
    assert "Mine cannot propose anything: " in done.err
    assert told in " ".join(done.err.split())
    assert done.out == ""


def test_no_recommendations_are_none(run: Run, make: Make, request: pytest.FixtureRequest) -> None:
    """None is an empty list, as it is for a run."""
    done = run("preview", make(ONE, files=own_controller("None", request)), "--json")
    assert done.code == 0
    assert done.json["recommendations"] == []


def test_as_many_workers_as_a_run_would_have(
    run: Run, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each GPU that is visible: so many are proposed before the first result."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6")
    root = make(CONFIG, files={})
    assert "and 6 more before the first result is in" in run("preview", root, "-n", "1").out
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "and 3 more before the first result is in" in run("preview", root, "-n", "1").out


ONE = {"x": 1, "search": [enum(["x"], [[1], [2]])]}


def own_controller(answer: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Files of an MMAR with a controller that answers so at first."""
    # Modules are kept by name, so that each test needs one of its own.
    name = "preview_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
    code = (
        "from mmar_automl.api import Controller\n"
        "from mmar_automl.defs import Recommendation, SearchResult\n"
        "KEY = 'net.enum$0:x'\n"
        "class Mine(Controller):\n"
        "    def set_search_space(self, space, ctx): self.space = space\n"
        "    def initial_recommendation(self, ctx):\n"
        "        def made(values): return Recommendation(1, SearchResult(self.space, values))\n"
        f"        return {answer}\n"
        "    def refine_recommendation(self, outcome, ctx): return []\n"
    )
    return {
        "config/config_automl.json": {"controller": {"path": f"{name}.Mine"}},
        f"custom/{name}.py": code,
    }


def test_broken_search_is_refused(run: Run, copy_mmar: Callable[[str], Path]) -> None:
    """A space that is wrong is not shown; the problems are."""
    done = run("preview", copy_mmar("choice_ragged"))
    assert done.code == 2
    assert "1 value for 2 args" in done.err
    assert done.out == ""


def test_other_broken_files_do_not_matter(run: Run, make: Make) -> None:
    """Only the search sections count: another file's faults are told and passed over."""
    config = {"x": 1, "search": [enum(["x"], [[1], [2]])]}
    files = {"config/environment.json": "{", "config/config_automl.json": "["}
    done = run("preview", make(config, files=files), "--json")
    assert done.code == 0
    assert "not valid JSON" in done.err
    assert json.loads(done.out)["distinct_configurations"] == 2


def test_more_than_shown(run: Run, make: Make) -> None:
    """-n cuts the list, and says so; 0 shows none."""
    config = {"x": 1, "search": [enum(["x"], [[n] for n in range(9)])]}
    root = make(config, files=GRID)
    assert "and 7 more before the first result is in (-n 9)" in run("preview", root, "-n", "2").out
    assert run("preview", root, "-n", "0", "--json").json["recommendations"] == []


@pytest.mark.parametrize(
    ("pruner", "told"),
    [
        (
            {"name": "AshaPruner", "args": {"grace": 5}},
            "AshaPruner: pauses all but the best 1/3 after 5",
        ),
        (
            {"name": "AshaPruner", "args": {"eta": 1}},
            "AshaPruner cannot be made: ValueError: eta is",
        ),
    ],
)
def test_the_pruner_is_shown(run: Run, make: Make, pruner: Any, told: str) -> None:
    """What it cuts, or why it cannot: the proposals are there in any case."""
    config = {**GRID["config/config_automl.json"], "pruner": pruner}
    done = run("preview", make(CONFIG, files={"config/config_automl.json": config}), "-n", "2")
    assert done.code == 0
    assert told in done.out
    assert "learning_rate: 0.01 →" in done.out


def test_one_that_cannot_say_what_it_does_may_still_do_it(run: Run, make: Make) -> None:
    """A defect in `describe` is named in its place."""
    code = (
        "from mmar_automl.controllers.grid import GridController\n"
        "class Mute(GridController):\n"
        "    def describe(self):\n"
        "        raise RuntimeError('no words')\n"
    )
    files = {"config/config_automl.json": {"controller": {"path": "mute.Mute"}}}
    root = make(CONFIG, files=files)
    (root / "custom").mkdir(exist_ok=True)
    (root / "custom/mute.py").write_text(code)
    done = run("preview", root)
    assert done.code == 0
    assert "Mute (RuntimeError in describe(): no words)" in done.out
    assert "learning_rate: 0.01 →" in done.out
