"""Components that need more than a name: iterations of their own, caches, directions."""

import json

import pytest

from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.run import Request, train

FALLING = (
    "from ignite.metrics import Metric\n"
    "class Distance(Metric):\n"
    "    values = [float('nan'), 9.0, 3.5, 4.0, 3.5]\n"
    "    def reset(self): pass\n"
    "    def update(self, output): pass\n"
    "    def compute(self): return self.values.pop(0)\n"
)


def test_less_may_be_better(mmar, config):
    """The files have the natural value, a search gets it negated, the model is the least's."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "distance_metric.py").write_text(FALLING)
    config.update(epochs=5, key_metric_direction="min")
    config["validate"]["key_metric"].update(path="distance_metric.Distance", args={})
    score = train(Request(root=mmar(config), write_stats=True))
    assert (score.value, score.epoch) == (3.5, 3)
    stats = result.read_stats(MmarLayout(root))
    assert (stats.metric_value, stats.natural_value, stats.direction) == (-3.5, 3.5, "min")
    lines = result.read_progress(MmarLayout(root))
    assert [line["metric"] for line in lines] == [None, 9.0, 3.5, 4.0, 3.5]
    assert {line["direction"] for line in lines} == {"min"}
    import torch

    best, final = (
        torch.load(root / "models" / name, weights_only=True)["model"]
        for name in ("model.pt", "final_model.pt")
    )
    assert any(not torch.equal(best[key], final[key]) for key in best)


def test_an_empty_reference_is_told_and_leaves_a_mean(mmar, config, volumes, tmp_path, caplog):
    """A case without the structure: said once, and the mean is that of the others."""
    import nibabel
    import numpy as np

    empty = tmp_path / "empty.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((16, 16, 16), np.uint8), np.eye(4)), empty)
    listing = json.loads((volumes / "list.json").read_text())
    listing["validation"][0]["label"] = str(empty)
    (tmp_path / "odd.json").write_text(json.dumps(listing))
    root = mmar(config, DATASET_JSON=str(tmp_path / "odd.json"))
    score = train(Request(root=root, write_stats=True))
    stats = result.read_stats(MmarLayout(root)).raw
    assert stats["empty_references"] == {"1": 1}
    assert stats["per_case"][0]["values"] == {"1": None}
    assert stats["per_case"][1]["values"]["1"] == pytest.approx(score.value)
    assert caplog.text.count("has no finite value for class 1 in 1 of 2 cases") == 1


def test_caches_that_a_config_names(mmar, config, tmp_path):
    """PersistentDataset on disk and CacheDataset in memory come to the same score; so does a
    SmartCacheDataset, for which the handler that replaces its cases is added."""
    scores = {}
    for name, args in (
        ("CacheDataset", {"progress": False}),
        ("PersistentDataset", {"cache_dir": str(tmp_path / "cache")}),
        ("SmartCacheDataset", {"replace_rate": 1.0, "cache_num": 1, "progress": False,
                               "shuffle": False}),
    ):  # fmt: skip
        train_ = config["train"]
        train_["dataset"].update(name=name, args={"transform": "@pre_transforms", **args})
        scores[name] = train(Request(root=mmar(config, name))).value
    assert scores["CacheDataset"] == scores["PersistentDataset"]
    assert scores["SmartCacheDataset"] is not None


def test_an_iteration_of_its_own(mmar, config, caplog):
    """4.x's `iteration` takes the place of the engine's own step, transforms among its args."""
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "own_iteration.py").write_text(
        "class Twice:\n"
        "    calls = []\n"
        "    def __init__(self, transforms, train):\n"
        "        self.transforms, self.train = transforms, train\n"
        "    def __call__(self, engine, batch):\n"
        "        self.calls.append((self.train, type(self.transforms).__mro__[1].__name__))\n"
        "        return engine._iteration(engine, batch)\n"
    )
    config["train"]["iteration"] = {
        "path": "own_iteration.Twice",
        "args": {"train": True, "transforms": [{"name": "Identityd", "args": {"keys": "image"}}]},
    }
    assert train(Request(root=mmar(config))).value is not None
    import own_iteration

    # Two epochs of one step; the evaluator does not borrow the trainer's.
    assert own_iteration.Twice.calls == [(True, "Compose")] * 2
