"""A user's Python that cannot be had (SH-21): what is said, and that all of it is said at once."""

from __future__ import annotations

import json

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching

FILES = {
    "broken": "import automl.defs\nclass Broken(:\n    pass\n",
    "needs": "import not_installed_at_all\nclass Needs: pass\n",
    "asks_clara": "from automl.prl import Locator\nclass Asks: pass\n",
    "raises": "\n\n1 / 0\n",
    "good": (
        "from automl.components.controllers.controller import Controller\n"
        "from automl.components.executors.executor import Executor\n"
        "from automl.components.handlers.handler import Handler\n"
        "class Half(Controller):\n"
        "    def set_search_space(self, space, ctx): pass\n"
        "class Ear(Handler):\n"
        "    def __init__(self, uri, depth=3, *, key=None): pass\n"
        "class Nothing: pass\n"
        "class Exits(Handler):\n"
        "    def __init__(self): raise SystemExit(3)\n"
    ),
    "monai": "class Mine: pass\n",
}


@pytest.fixture
def mmar(make_mmar: MakeMmar) -> MadeMmar:
    """An MMAR with all of these files."""
    made = make_mmar(searching(score=[0.1, 0.2]))
    for name, text in FILES.items():
        (made.root / "custom" / f"{name}.py").write_text(text)
    return made


def said(mmar: MadeMmar, **components: object) -> str:
    """What `run` says of these components, on one line; no folder of a run is made."""
    automl = {**mmar.read("config/config_automl.json"), **components}
    mmar.write("config/config_automl.json", automl)
    done = mmar.search()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(mmar.root.glob("automl/*/W*"))
    return " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("kind", "component", "words"),
    [
        ("controller", {"path": "nowhere.X"}, ["no module 'nowhere'", "{root}/custom", "BYOC"]),
        ("controller", {"path": "needs.Needs"}, ["'not_installed_at_all'", "needs.py, line 1"]),
        ("controller", {"path": "asks_clara.Asks"}, ["'automl.prl'", "asks_clara.py, line 1"]),
        ("controller", {"path": "broken.Broken"}, ["broken.py:2"]),
        ("controller", {"path": "raises.X"}, ["ZeroDivisionError", "raises.py, line 3"]),
        ("controller", {"path": "good.Haf"}, ["did you mean 'Half'?", "Nothing"]),
        ("controller", {"path": "good.Ear"}, ["no subclass of Controller", "under 'handlers'"]),
        ("executor", {"path": "good.Nothing"}, ["no subclass of Executor", "mmar_automl.api"]),
        (
            "controller",
            {"path": "good.Half"},
            [
                "Half lacks initial_recommendation(self, ctx)",
                "refine_recommendation(self, outcome, ctx)",
                "good.py:4",
            ],
        ),
        ("handlers", [{"path": "good.Ear"}], ["'uri'", "it takes (uri, depth=3, *, key=None)"]),
        (
            "controller",
            {"path": "good.Half", "args": {"rounds": 3}},
            [
                "Half lacks initial",
                "Half: got an unexpected keyword argument 'rounds'; it takes ()",
            ],
        ),
        ("handlers", [{"path": "good.Ear", "args": {"url": 1, "uri": 2}}], ["did you mean 'uri'"]),
        ("handlers", [{"path": "good.Ear", "args": {"uri": 2, "kee": 2}}], ["did you mean 'key'"]),
        ("handlers", [{"path": "good.Exits"}], ["SystemExit: 3", "good.py:10"]),
        ("controller", {"path": "monai.Mine"}, ["name of a module that is installed", "rename"]),
        (
            "controller",
            {"name": "RandomController", "path": "nowhere.X"},
            ["no module 'nowhere'"],
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    mmar: MadeMmar, kind: str, component: object, words: list[str]
) -> None:
    """The user's file and line, what was looked at, and what may have been meant."""
    text = said(mmar, **{kind: component})
    for word in words:
        assert word.replace("{root}", str(mmar.root)) in text


def test_one_failing_component_does_not_hide_another(mmar: MadeMmar) -> None:
    """All of them at once."""
    text = said(
        mmar,
        controller={"path": "nowhere.X"},
        executor={"path": "needs.Needs"},
        handlers=[{"path": "broken.B"}, {"path": "good.Eear"}],
    )
    for word in ("'nowhere'", "'not_installed_at_all'", "broken.py:2", "did you mean 'Ear'?"):
        assert word in text


def test_files_that_nothing_can_import_are_told_of(mmar: MadeMmar) -> None:
    """A warning; an error where the training config names them, since no job could train. In the
    MMAR's root only a name that is taken is told of."""
    (mmar.root / "typer.py").touch()
    (mmar.root / "a_program.py").write_text("print 'in the manner of Python 2'")
    found = mmar.run("validate", "{root}", "--json")
    problems = json.loads(found.stdout)["problems"]
    by_file = {problem["file"].rpartition("/")[2]: problem for problem in problems}
    assert by_file["monai.py"]["severity"] == "warning"
    assert "monai/__init__.py" in by_file["monai.py"]["message"]
    assert (by_file["broken.py"]["severity"], by_file["broken.py"]["line"]) == ("warning", 2)
    assert by_file["typer.py"]["severity"] == "warning"
    assert "a_program.py" not in by_file
    config = mmar.read("config/config_train.json")
    config["train"] = {"loss": {"path": "broken.Broken", "args": {}}}
    mmar.write("config/config_train.json", config)
    found = mmar.run("validate", "{root}", "--json")
    problems = json.loads(found.stdout)["problems"]
    assert {"error"} == {p["severity"] for p in problems if p["file"].endswith("broken.py")}
    assert found.returncode == 2


def test_a_module_of_the_mmar_takes_nobodys_place(mmar: MadeMmar) -> None:
    """custom/ in front of everything by PYTHONPATH, with files named like what we import: the
    search and its plug-in see the real ones."""
    for name in ("psutil", "jsonschema", "tempfile"):
        (mmar.root / "custom" / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    (mmar.root / "custom/plug.py").write_text(
        "import psutil\n"
        "from automl.components.handlers.handler import Handler\n"
        "class Plug(Handler):\n"
        "    def startup(self, ctx): print('psutil of', psutil.__version__)\n"
    )
    automl = {**mmar.read("config/config_automl.json"), "handlers": [{"path": "plug.Plug"}]}
    mmar.write("config/config_automl.json", automl)
    done = mmar.search(env={"PYTHONPATH": str(mmar.root / "custom")})
    assert done.returncode == 0, done.stderr
    assert "psutil of" in done.stdout
