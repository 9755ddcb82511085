"""`components`: everything that a config may name, read without running any of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.app.builtins import BUILTINS
from mmar_automl.app.catalogue import kinds, of_kind
from mmar_automl.cli.components import complete
from mmar_automl.trainer import describe, names

Run = Callable[..., Any]
AUTOML = [kind for kind, config in kinds().items() if config == "config_automl.json"]


@pytest.mark.parametrize("kind", AUTOML)
def test_what_is_built_in_is_listed_with_its_words(kind: str, run: Run) -> None:
    """Each with its args and a first line."""
    done = run("components", f"{kind}s")
    assert done.code == 0
    listed = run("components", kind, "--json").json["components"]
    key = kind if kind in BUILTINS else f"{kind}s"
    assert [one["name"] for one in listed] == list(BUILTINS[key])
    for one in listed:
        assert one["doc"], one["name"]
        assert one["args"] is not None, one["name"]
        assert f"  {one['name']}(" in done.out


@pytest.mark.parametrize("section", describe.SECTIONS)
def test_what_a_training_may_name_is_what_it_would_get(section: str) -> None:
    """Every name is found, in that package, with these arguments."""
    listed = of_kind(section)
    assert listed
    for entry in listed:
        found = names.find(entry.name)
        assert found is not None
        assert found.target == entry.source
        if found.signature is not None and entry.args is not None:
            told = {arg.name for arg in entry.args if arg.required}
            assert told == set(found.signature.required), entry.name
            assert {arg.name for arg in entry.args} == set(found.signature.names), entry.name


def test_known_components_are_where_they_belong() -> None:
    """A sample of each section, and nothing that only other classes are made from."""
    for section, some in {
        "loss": {"DiceCELoss", "FocalLoss", "CrossEntropyLoss"},
        "optimizer": {"Adam", "SGD", "Novograd"},
        "lr_scheduler": {"StepLR", "WarmupCosineSchedule"},
        "model": {"UNet", "SegResNet", "SwinUNETR"},
        "transform": {"RandFlipd", "LoadImaged", "Compose"},
        "dataset": {"CacheDataset", "PersistentDataset"},
        "inferer": {"SlidingWindowInferer"},
        "metric": {"MeanDice", "Accuracy"},
        "training_handler": {"ValidationHandler", "CheckpointSaver"},
        "trainer": {"SupervisedTrainer"},
        "evaluator": {"SupervisedEvaluator"},
    }.items():
        listed = {entry.name for entry in of_kind(section)}
        assert some <= listed
        assert not listed & {"Optimizer", "LRScheduler", "Trainer", "Tensor", "MetricReduction"}
    adam = next(entry for entry in of_kind("optimizer") if entry.name == "Adam")
    assert adam.doc.startswith("Implements Adam")
    assert {arg.name: arg.default for arg in adam.args or ()}["lr"] == "0.001"


def test_one_component_is_shown_in_full(run: Run) -> None:
    """Where it goes, each argument with type and default, the whole docstring."""
    done = run("components", "RandFlipd")
    assert '"pre_transforms": [{"name": "RandFlipd", "args": {"keys": "…"}}]' in done.out
    assert "  prob: float = 0.1\n" in done.out
    assert "Spatial axes along which to flip" in done.out
    assert run("components", "RandFlipDict").out == done.out
    # Two of the same name: the search's and MONAI's.
    kinds_of = [
        one["kind"] for one in run("components", "StatsHandler", "--json").json["components"]
    ]
    assert kinds_of == ["handler", "training_handler"]


def test_a_name_that_does_not_exist_is_answered_with_the_nearest(run: Run) -> None:
    """Exit status 2."""
    done = run("components", "RandomControler")
    assert (done.code, "did you mean 'RandomController'?" in done.err) == (2, True)
    done = run("components", "qqqqqqqq")
    assert (done.code, "kinds are controller" in done.err) == (2, True)
    assert run("components", "--root", "/nowhere").code == 2


def test_your_own_classes_are_listed_and_not_run(tmp_path: Path, run: Run) -> None:
    """By what they come from, also over one's own base class; nothing is imported."""
    (tmp_path / "config").mkdir()
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom/mine.py").write_text(
        "from mmar_automl.api import Controller, Handler\n"
        "from monai.transforms import MapTransform\n"
        "import torch.nn as nn\n"
        "raise SystemExit('imported')\n"
        "class Base(Controller):\n    def __init__(self, budget=3): ...\n"
        "class Mine(Base):\n    '''My search.'''\n"
        "class Net(nn.Module):\n    def __init__(self, width, depth=2, **more): ...\n"
        "class Step(MapTransform):\n    pass\n"
        "class _Hidden(Handler):\n    pass\n"
    )
    (tmp_path / "custom/broken.py").write_text("class Broken(:\n")
    listed = run("components", "--root", tmp_path, "--json").json["components"]
    own = {one["path"]: one for one in listed if one["path"]}
    assert {path: one["kind"] for path, one in own.items()} == {
        "mine.Base": "controller",
        "mine.Mine": "controller",
        "mine.Net": "model",
        "mine.Step": "transform",
    }
    assert [arg["name"] for arg in own["mine.Mine"]["args"]] == ["budget"]
    assert own["mine.Net"]["takes_more"]
    assert [arg["name"] for arg in own["mine.Step"]["args"]] == ["keys", "allow_missing_keys"]
    assert "mine.Net(width, depth=2, …)" in run("components", "models", "--root", tmp_path).out
    shown = run("components", "mine.Mine", "--root", tmp_path).out
    assert 'in config_automl.json: "controller": {"path": "mine.Mine"}' in shown


def test_words_are_completed(run: Run) -> None:
    """Kinds and what is built in."""
    assert complete("contr") == ["controller"]
    assert complete("Grid") == ["GridController"]
    assert complete("qq") == []


def test_nothing_heavy_is_loaded() -> None:
    """Neither torch nor MONAI, to list what they have."""
    code = (
        "import sys\nfrom mmar_automl.cli import main\nsys.argv = ['mmar-automl', 'components']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'monai', 'ignite') if m in sys.modules])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.splitlines()[-1] == "[]"
    assert "transform in config_train.json" in told.stdout


@pytest.mark.slow
def test_the_source_says_what_the_classes_say() -> None:
    """Read and imported, a component has the same arguments."""
    listed = {
        entry.source: [arg.name for arg in entry.args]
        for section in describe.SECTIONS
        for entry in of_kind(section)
        if entry.args is not None
    }
    code = (
        "import importlib, inspect, json, sys\n"
        "for path in json.load(sys.stdin):\n"
        "    module, _, name = path.rpartition('.')\n"
        "    try:\n"
        "        cls = getattr(importlib.import_module(module), name)\n"
        "        found = inspect.signature(cls.__init__).parameters.values()\n"
        "    except (ImportError, ValueError):\n        continue\n"
        "    args = [p.name for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]\n"
        "    print(json.dumps([path, args[1:]]))\n"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=json.dumps(list(listed)),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    real = dict(json.loads(line) for line in told.stdout.splitlines())
    assert len(real) > 0.9 * len(listed)
    different = {path: (listed[path], args) for path, args in real.items() if listed[path] != args}
    assert different == {}
