"""What a translation adds for the machine: several processes, directions, caches, model files."""

import json

import pytest

from mmar_automl.trainer.memory import cached_bytes


@pytest.fixture
def of_two(tmp_path, config):
    """The bundle of one of two processes."""
    from mmar_automl.mmar.environment import variables
    from mmar_automl.mmar.source import read_json
    from mmar_automl.trainer.translate import translate

    def translate_it(rank):
        file = tmp_path / "config" / "config_train.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(config))
        environment = {"DATA_ROOT": "/data", "DATASET_JSON": "/data/list.json"}
        known = variables(config, environment, {}, tmp_path)
        return translate(read_json(file), known, rank=rank, world=2).bundle

    return translate_it


def test_each_process_loads_its_part(of_two):
    """Shuffling becomes the sampler's; a validation's shares are not padded."""
    bundle = of_two(0)
    loader = bundle["train"]["dataloader"]
    assert "shuffle" not in loader
    assert loader["sampler"] == {
        "_target_": "monai.data.DistributedSampler",
        "dataset": "@train::dataset",
        "shuffle": True,
        "even_divisible": True,
    }
    assert bundle["validate"]["dataloader"]["sampler"]["even_divisible"] is False
    assert bundle["validate"]["dataloader"]["sampler"]["shuffle"] is False


def test_the_first_process_alone_writes(of_two, config):
    """Savers and printers are the first's, with or without a rank in the config."""
    del config["validate"]["handlers"][1]["rank"]
    names = [
        [made["_target_"].rpartition(".")[2] for made in of_two(rank)["validate"]["handlers"]]
        for rank in (0, 1)
    ]
    assert names == [["StatsHandler", "CheckpointSaver"], []]


def test_less_is_better_where_the_config_says_so(translated, config):
    """The evaluator's comparison and the saver's sign turn around; a third word is an error."""
    found = translated({**config, "key_metric_direction": "min"})
    assert found.minimise
    assert "new < best" in found.bundle["validate"]["evaluator"]["metric_cmp_fn"]
    assert found.bundle["validate"]["handlers"][1]["key_metric_negative_sign"] is True
    plain = translated(config)
    assert "new > best" in plain.bundle["validate"]["evaluator"]["metric_cmp_fn"]
    assert "key_metric_negative_sign" not in plain.bundle["validate"]["handlers"][1]
    assert translated({**config, "key_metric_direction": "up"}).problems


def test_a_model_may_be_a_file(translated, config):
    """One enabled element of a list of files, as in a validation config."""
    flat = {
        **config["validate"],
        "amp": True,
        "pre_transforms": [],
        "post_transforms": [],
        "model": [
            {"ts_path": "/m/model.ts", "disabled": "{dont_load_ts_model}"},
            {"ckpt_path": "/m/model.pt", "disabled": "{dont_load_ckpt_model}"},
        ],
    }
    found = translated(flat, dont_load_ts_model=False, dont_load_ckpt_model=True)
    assert found.problems == ()
    assert found.bundle["validate"]["model"] == {
        "_target_": "mmar_automl.trainer.models.from_torchscript",
        "file": "/m/model.ts",
        "device": "@device",
    }
    assert found.origins["validate::model"] == ("model", 0)
    none = translated(flat, dont_load_ts_model=True, dont_load_ckpt_model=True)
    assert "none of its alternatives is enabled" in none.problems[0].message


def test_a_smart_cache_gets_its_handler(translated, config):
    """Once, and only where the config has none."""
    config["train"]["dataset"]["name"] = "SmartCacheDataset"
    handlers = translated(config).bundle["train"]["handlers"]
    assert handlers[-1] == {
        "_target_": "monai.handlers.SmartCacheHandler",
        "smartcacher": "@train::dataset",
    }
    config["train"]["handlers"].append({"name": "SmartCacheHandler"})
    assert len(translated(config).bundle["train"]["handlers"]) == len(handlers)


def test_cached_memory_is_told_from_the_headers(tmp_path):
    """Cases times voxels times four bytes, for image and label, resampled; nothing is imported."""
    import struct

    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 10, 20, 30, 1, 1, 1, 1)
    struct.pack_into("<8f", header, 76, 1, 2.0, 1.0, 1.0, 1, 1, 1, 1)
    (tmp_path / "v.nii").write_bytes(header)
    cases = [{"image": "v.nii", "label": "v.nii"}] * 4
    (tmp_path / "list.json").write_text(json.dumps({"training": cases}))
    listing = {
        "data_list_file_path": str(tmp_path / "list.json"),
        "data_list_key": "training",
        "base_dir": None,
    }
    dataset = {"_target_": "monai.data.CacheDataset", "data": listing, "cache_num": 3}
    assert cached_bytes({"dataset": dataset}) == 3 * 2 * 6000 * 4
    spacing = {"_target_": "monai.transforms.Spacingd", "pixdim": [1.0, 1.0, 1.0]}
    chain = {"_target_": "C", "transforms": [spacing]}
    assert cached_bytes({"dataset": dataset, "pre_transforms": chain}) == 3 * 2 * 12000 * 4
    assert cached_bytes({"dataset": {**dataset, "_target_": "monai.data.Dataset"}}) == 0
