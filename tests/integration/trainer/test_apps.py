"""Validation, inference and export of what was trained."""

import json
import subprocess
import sys

import pytest

from mmar_automl.errors import BadInput, ConfigProblems
from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.checkpoint import UnfitCheckpoint
from mmar_automl.trainer.evaluate import evaluate
from mmar_automl.trainer.export import export, read_shape
from mmar_automl.trainer.run import Request, TrainingFailed, train

INFERENCE = "config/config_inference.json"
VALIDATION = "config/config_validation.json"


@pytest.fixture
def flat(config):
    """A validation config that takes its model from a file, as Clara's do."""
    train_, validate = config["train"], config["validate"]
    by_name = {item["name"]: item for item in train_["pre_transforms"]}
    made = {
        **validate,
        "dont_load_ts_model": True,
        "dont_load_ckpt_model": False,
        "amp": True,
        "model": [
            {"ts_path": "{MMAR_TORCHSCRIPT}", "disabled": "{dont_load_ts_model}"},
            {"ckpt_path": "{MMAR_CKPT}", "disabled": "{dont_load_ckpt_model}"},
        ],
        "pre_transforms": [by_name[item["ref"]] for item in validate["pre_transforms"]],
        "post_transforms": train_["post_transforms"],
        "handlers": [],
    }
    made["evaluator"]["args"]["device"] = "cuda"
    return made


@pytest.fixture
def trained(mmar, config, flat):
    """An MMAR that was trained, with the configs of the other apps beside."""
    root = mmar(config)
    score = train(Request(root=root, write_stats=True))
    write(root, VALIDATION, flat)
    return root, score


def write(root, name, config):
    (root / name).write_text(json.dumps(config))


def test_checkpoint_and_torchscript_validate_to_the_trainings_score(trained, flat):
    """The network is the one that the checkpoint's own config describes; both forms agree."""
    root, score = trained
    request = Request(root=root, config=VALIDATION)
    assert evaluate(request).value == pytest.approx(score.value, abs=1e-6)
    for shape in (None, (1, 1, 16, 16, 16)):
        made = export(Request(root=root), shape=shape)
        assert made == root / "models" / "model.ts"
        switches = {"dont_load_ckpt_model": True, "dont_load_ts_model": False}
        request = Request(root=root, config=VALIDATION, overrides=switches)
        assert evaluate(request).value == pytest.approx(score.value, abs=1e-5)
        made.unlink()


def test_claras_programs_export_and_evaluate(trained):
    """As its scripts call them: 3.x's export with words of TensorFlow, 4.x's evaluate of the
    TorchScript that came of it, with a script's own words in --set."""
    root, score = trained
    ts, model = root / "models/model.ts", root / "models/model.pt"
    where = ["-m", str(root), "-e", "config/environment.json"]
    graph = ["--model_file_format", "CKPT", "--model_name", "x", "--trt_min_seg_size", "50"]
    shape = ["--input_shape", "[1, 1, 16, 16, 16]"]
    paths = ["--model_file_path", str(model), "--output_path", str(ts)]
    said = program("nvmidl.apps.export", *where, *graph, *paths, *shape)
    assert said.count("nvmidl.apps.export: this is mmar-automl export ") == 1
    assert ts.is_file()
    model.unlink()
    switches = ["dont_load_ts_model=False", "dont_load_ckpt_model=True", "0", "print_conf=True"]
    words = [*where, "-c", VALIDATION, "--set", "MMAR_TORCHSCRIPT=models/model.ts", *switches]
    said = program("medl.apps.evaluate", *words)
    assert said.count("medl.apps.evaluate: this is mmar-automl evaluate ") == 1
    assert f"val_mean_dice: {score.value:.4f}" in said


def program(name, *words):
    """What a program of Clara's says; it ends well."""
    done = subprocess.run(
        [sys.executable, "-m", name, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_network_of_a_checkpoint_without_a_config_is_the_mmars(trained):
    """What others saved holds weights alone; then config_train.json describes the network."""
    import torch

    root, score = trained
    file = MmarLayout(root).checkpoint
    weights = torch.load(file, weights_only=True)["model"]
    torch.save(weights, file)
    assert evaluate(Request(root=root, config=VALIDATION)).value == pytest.approx(score.value)


def test_inference_writes_a_volume_for_each_case(trained, flat):
    """No key metric, images without labels, SaveImaged: into MMAR_EVAL_OUTPUT_PATH."""
    import nibabel

    root, _ = trained
    for item in flat["pre_transforms"]:
        if isinstance(item["args"]["keys"], list):
            item["args"] = {**item["args"], "keys": ["image"]}
    del flat["key_metric"], flat["evaluator"]["args"]["key_val_metric"]
    flat["post_transforms"] = [
        {"name": "AsDiscreted", "args": {"keys": "pred", "argmax": True}},
        {"name": "SaveImaged", "args": {"keys": "pred", "meta_keys": "pred_meta_dict",
                                        "output_dir": "{MMAR_EVAL_OUTPUT_PATH}"}},
    ]  # fmt: skip
    write(root, INFERENCE, flat)
    assert evaluate(Request(root=root, config=INFERENCE)).value is None
    written = sorted((root / "eval").rglob("*.nii.gz"))
    assert len(written) == 2
    assert nibabel.load(written[0]).shape == (16, 16, 16)


def test_training_config_evaluates_its_checkpoint(trained):
    """Asked for with the training config, the best model is validated as in the training."""
    root, score = trained
    assert evaluate(Request(root=root)).value == score.value


def test_missing_model_is_told_before_anything_runs(mmar, config, flat):
    """The file that is not there, and which app writes it."""
    root = mmar(config)
    write(root, VALIDATION, flat)
    with pytest.raises(ConfigProblems) as caught:
        evaluate(Request(root=root, config=VALIDATION))
    (problem,) = caught.value.problems
    assert problem.path == ("model", 1, "ckpt_path")
    assert problem.value == str(root / "models" / "model.pt")


def test_checkpoint_that_holds_code_is_read_only_if_trusted(trained):
    """What a foreign file runs when it is read is the user's decision."""
    import torch

    root, score = trained
    file = MmarLayout(root).checkpoint
    content = torch.load(file, weights_only=True)
    torch.save({**content, "by": pytest.approx(1)}, file)
    with pytest.raises(UnfitCheckpoint, match="--set trust_checkpoint=True"):
        evaluate(Request(root=root))
    trusting = Request(root=root, overrides={"trust_checkpoint": True})
    assert evaluate(trusting).value == score.value


def test_shape_must_be_one(trained):
    """`--input_shape` is a list of whole numbers, and the network must take it."""
    assert read_shape("[1, 1, 160, 160, 160]") == (1, 1, 160, 160, 160)
    for text in ("[1, 1]", "1,1,a", "[1, 1, 0, 4, 4]", "{}"):
        with pytest.raises(BadInput, match="is no shape"):
            read_shape(text)
    with pytest.raises(TrainingFailed, match="cannot be traced"):
        export(Request(root=trained[0]), shape=(1, 3, 16, 16, 16))


def test_stats_tell_classes_cases_time_and_memory(trained):
    """What a report may want to know of the best validation."""
    stats = result.read_stats(MmarLayout(trained[0])).raw
    assert stats["direction"] == "max"
    assert list(stats["per_class"]) == ["1"]
    assert stats["per_class"]["1"] == pytest.approx(stats["best_validation_metric"])
    assert ["image_2" in stats["per_case"][0]["case"], "image_3" in stats["per_case"][1]["case"]]
    assert stats["peak_rss"] > 2**27
    assert stats["seconds"] > 0


def test_monai_loads_the_checkpoint(trained):
    """The form of contract §1.4, which `monai.apps.load_from_mmar` reads."""
    import torch

    from mmar_automl.trainer.models import from_checkpoint

    root, _ = trained
    content = torch.load(MmarLayout(root).checkpoint, weights_only=True)
    assert set(content) == {"model", "train_conf"}
    from monai.networks.nets import UNet

    spec = content["train_conf"]["train"]["model"]
    assert spec["name"] == "UNet"
    UNet(**spec["args"]).load_state_dict(content["model"])
    assert from_checkpoint(str(MmarLayout(root).checkpoint), "cpu", str(root)) is not None
