"""Clara's config as a bundle config: what it says, and what is wrong in it."""

import copy
import json
from pathlib import Path

import pytest


def test_sample_translates_clean(config, translated):
    """The sample's config has no problem, and its only notice is about the machine."""
    made = translated(config)
    assert made.problems == ()
    assert made.notices == ("amp is off: mixed precision needs a GPU",)
    assert translated(config, device="cuda:0").notices == ()


def test_config_is_left_as_it_was(config, translated):
    """A search edits the same tree for each job."""
    before = copy.deepcopy(config)
    translated(config)
    assert config == before


def test_variables_keep_their_types(config, translated):
    """`"{learning_rate}"` is a float, `"{amp}"` a bool; --set outranks the config."""
    made = translated(config, device="cuda:0", learning_rate=0.5)
    assert made.bundle["train"]["optimizer"]["lr"] == 0.5
    assert made.bundle["train"]["trainer"]["amp"] is True
    assert made.conf["train"]["optimizer"]["args"]["lr"] == 0.5


def test_same_name_means_each_scopes_own(config, translated):
    """`@dataset` in validate is the validation's; `@model` and `@evaluator` are found across."""
    bundle = translated(config).bundle
    assert bundle["validate"]["dataloader"]["dataset"] == "@validate::dataset"
    assert bundle["train"]["dataloader"]["dataset"] == "@train::dataset"
    assert bundle["validate"]["evaluator"]["network"] == "@train::model"
    validation = [h for h in bundle["train"]["handlers"] if h["_target_"].endswith("Validation"
                  "Handler")]  # fmt: skip
    assert validation[0]["validator"] == "@validate::evaluator"


def test_one_alternative_is_taken(config, translated):
    """Of a list of losses the enabled one is built."""
    assert translated(config).bundle["train"]["loss"]["_target_"] == "monai.losses.DiceCELoss"
    losses = config["train"]["loss"]
    losses[0]["disabled"], losses[1]["disabled"] = True, False
    made = translated(config)
    assert made.bundle["train"]["loss"]["_target_"] == "monai.losses.FocalLoss"
    assert made.origins["train::loss"] == ("train", "loss", 1)


@pytest.mark.parametrize(("first", "second", "say"), [(True, True, "none"), (False, 0.0, "2 of")])
def test_not_one_alternative_is_an_error(config, complaints, first, second, say):
    """None or several enabled losses: nothing says which is meant."""
    config["train"]["loss"][0]["disabled"] = first
    config["train"]["loss"][1]["disabled"] = second
    (found,) = complaints(config)
    assert found[0] == "train.loss"
    assert found[1].startswith(say)


def test_ref_is_a_new_copy_of_its_bearer(config, translated):
    """A validation transform by `ref` follows the train transform that it names."""
    config["train"]["pre_transforms"][2]["args"]["a_max"] = 7
    bundle = translated(config).bundle
    scale = bundle["validate"]["pre_transforms"]["transforms"][2]
    assert scale["a_max"] == 7
    assert len(bundle["validate"]["pre_transforms"]["transforms"]) == 4


def test_ref_to_a_disabled_component_falls_away(config, translated):
    """What the training does not do, the validation does not either."""
    config["train"]["pre_transforms"][2]["disabled"] = True
    assert len(translated(config).bundle["validate"]["pre_transforms"]["transforms"]) == 3


def test_refs_to_repeated_names_go_in_order(config, translated, complaints):
    """Names may repeat: the first `ref` is the first bearer's; one `ref` for two is an error."""
    second = {"name": "AsDiscreted", "args": {"keys": "pred", "threshold": 0.1}}
    config["train"]["post_transforms"].append(second)
    assert complaints(config)[0][:2] == (
        "validate.post_transforms[1].ref",
        "'AsDiscreted' stands 2 times in train.post_transforms",
    )
    config["validate"]["post_transforms"].append({"ref": "AsDiscreted"})
    made = translated(config).bundle["validate"]["post_transforms"]["transforms"]
    assert ("argmax" in made[1], made[2]["threshold"]) == (True, 0.1)


def test_ref_by_id(config, translated):
    """`"name": "X#id"` is a component X that a `ref` may call by its id."""
    config["train"]["post_transforms"][1]["name"] = "AsDiscreted#hard"
    config["train"]["post_transforms"].append(
        {"name": "AsDiscreted#soft", "args": {"keys": "pred", "threshold": 0.1}}
    )
    config["validate"]["post_transforms"][1] = {"ref": "soft"}
    made = translated(config)
    assert made.problems == ()
    assert made.bundle["validate"]["post_transforms"]["transforms"][1]["threshold"] == 0.1


def test_disabled_by_a_variable_and_by_rank(config, translated):
    """`disabled` may be a variable; a component of rank 0 is built by that process alone."""

    def names(**keywords):
        handlers = translated(config, **keywords).bundle["train"]["handlers"]
        return [handler["_target_"].rpartition(".")[2] for handler in handlers]  # fmt: skip

    assert names() == ["LrScheduleHandler", "ValidationHandler", "StatsHandler"]
    assert names(dont_load_ckpt_model=False)[0] == "CheckpointLoader"
    assert names(rank=1) == ["LrScheduleHandler", "ValidationHandler"]


def test_metrics_by_label(config, translated, complaints):
    """Metrics become a dict by log_label; two of one label would replace one another."""
    config["validate"]["additional_metrics"] = [
        {"name": "MeanDice", "log_label": "whole", "args": {"include_background": True}}
    ]
    bundle = translated(config).bundle
    assert list(bundle["validate"]["additional_metrics"]) == ["whole"]
    assert list(bundle["validate"]["key_metric"]) == ["val_mean_dice"]
    config["validate"]["additional_metrics"][0]["log_label"] = "val_mean_dice"
    assert complaints(config)[0][0] == "validate.additional_metrics[0].log_label"


def test_runtime_supplies_what_clara_supplied(config, translated):
    """The device, the cases of a dataset, the checkpoint's name, and a config that can be saved."""
    bundle = translated(config).bundle
    assert bundle["train"]["trainer"]["device"] == "@device"
    assert bundle["train"]["dataset"]["data"] == {
        "_target_": "monai.data.load_decathlon_datalist",
        "data_list_file_path": "/data/list.json",
        "is_segmentation": True,
        "data_list_key": "training",
        "base_dir": "/data",
    }
    saver = bundle["validate"]["handlers"][1]
    assert saver["key_metric_filename"] == "model.pt"
    assert saver["save_dict"] == {"model": "@train::model", "train_conf": "@conf_state"}


def test_style_of_4_0_leaves_everything_out(config, translated):
    """An engine that names nothing finds each section by its name."""
    for scope, engine in (("train", "trainer"), ("validate", "evaluator")):
        config[scope][engine]["args"] = {}
        del config[scope]["dataset"]["args"]["transform"]
        del config[scope]["dataloader"]["args"]["dataset"]
    del config["train"]["optimizer"]["args"]["params"]
    del config["train"]["lr_scheduler"]["args"]["optimizer"]
    del config["train"]["handlers"][1]["args"]["lr_scheduler"]
    config["validate"]["handlers"][1]["args"]["save_dict"] = ["model", "train_conf"]
    del config["train"]["handlers"][2]["args"]["validator"]
    made = translated(config)
    assert made.problems == ()
    assert made.bundle["train"]["optimizer"]["params"] == "$@train::model.parameters()"
    assert made.bundle["train"]["trainer"]["network"] == "@train::model"
    saved = made.bundle["validate"]["handlers"][1]["save_dict"]
    assert saved == {"model": "@train::model", "train_conf": "@conf_state"}
    assert made.bundle["validate"]["evaluator"]["val_handlers"] == "@validate::handlers"
    assert made.bundle["validate"]["dataset"]["transform"] == "@validate::pre_transforms"


def test_metrics_of_4_0_are_one_list(config, translated):
    """Of 4.0's `metrics` the one with `is_key_metric` is the key metric."""
    validate = config["validate"]
    key = {**validate.pop("key_metric"), "is_key_metric": True}
    validate["metrics"] = [{"name": "MeanDice", "log_label": "whole"}, key]
    made = translated(config)
    assert made.problems == ()
    assert list(made.bundle["validate"]["key_metric"]) == ["val_mean_dice"]
    assert list(made.bundle["validate"]["additional_metrics"]) == ["whole"]
    assert "metrics" not in made.bundle["validate"]


def test_comments_searches_and_unknown_keys_pass(config, translated):
    """`__x` is taken out, `search` and `apply` are the search's, other keys are the user's."""
    config["my_note"] = {"anything": ["@nothing", "{nothing}"]}
    config["train"]["__model"] = {"name": "NoSuchNet"}
    config["train"]["model"]["__search"] = [1]
    config["train"]["model"]["args"]["__norm"] = "batch"
    made = translated(config)
    assert made.problems == ()
    assert "__norm" not in made.bundle["train"]["model"]


def test_all_problems_come_at_once_with_place_and_mend(config, complaints):
    """Nobody should have to mend one fault to be told of the next."""
    train = config["train"]
    train["loss"][0]["args"]["softmx"] = train["loss"][0]["args"].pop("softmax")
    train["optimizer"]["name"] = "Addam"
    del train["model"]["args"]["in_channels"]
    train["pre_transforms"][3]["arg"] = {}
    train["trainer"]["args"]["network"] = "@modell"
    train["lr_scheduler"]["args"]["gamma"] = "{gama}"
    train["handlers"][3]["args"]["output_transform"] = "#from_engine(["
    config["validate"]["pre_transforms"][0] = {"ref": "LoadImage"}
    config["gamma"] = 1
    found = {path: (message, hint) for path, message, hint in complaints(config)}
    assert found["train.loss[0].args.softmx"] == (
        "DiceCELoss has no argument 'softmx'",
        "did you mean 'softmax'?",
    )
    assert found["train.optimizer.name"][1].startswith("did you mean Adam")
    assert found["train.model.args"][0] == "UNet needs the argument 'in_channels'"
    assert found["train.pre_transforms[3].arg"][1] == "did you mean 'args'?"
    assert found["train.trainer.args.network"] == (
        "@modell refers to nothing",
        "did you mean @model?",
    )
    assert found["train.lr_scheduler.args.gamma"][1] == "did you mean {gamma}?"
    assert "not a Python expression" in found["train.handlers[3].args.output_transform"][0]
    assert found["validate.pre_transforms[0].ref"][1] == "did you mean 'LoadImaged'?"
    assert len(found) == 8


def test_problem_has_its_line(config, translated):
    """The line in the file, where a person looks."""
    config["train"]["loss"][0]["args"]["softmx"] = True
    (problem,) = translated(config).problems
    text = Path(problem.file).read_text().splitlines()
    assert '"softmx"' in text[problem.line - 1]


def test_removed_component_names_its_successor(config, complaints):
    """What is gone from MONAI is said with what to write instead."""
    config["validate"]["handlers"].append({"name": "SegmentationSaver"})
    (found,) = complaints(config)
    assert found[1:] == ("gone from MONAI", "write SaveImaged into post_transforms")


def test_swallowed_argument_is_an_error(config, complaints):
    """AsDiscreted takes any argument and ignores it, so we don't."""
    config["train"]["post_transforms"][1]["args"]["thresold"] = 0.5
    assert {c[0] for c in complaints(config)} == {"train.post_transforms[1].args.thresold"}


def test_reference_to_a_disabled_section_is_an_error(config, complaints):
    """A disabled scheduler cannot be scheduled."""
    config["train"]["lr_scheduler"]["disabled"] = True
    (found,) = complaints(config)
    assert found[1] == "@lr_scheduler refers to train.lr_scheduler, which is disabled"


def test_own_component_is_checked_like_monais(config, complaints, tmp_path):
    """A component of the user's is found by its source, its arguments too."""
    (tmp_path / "my_nets.py").write_text("class Net:\n    def __init__(self, width): ...\n")
    config["train"]["model"] = {"path": "my_nets.Net", "args": {"widht": 3}}
    assert {c[0] for c in complaints(config, folders=[tmp_path])} == {
        "train.model.args.widht",
        "train.model.args",
    }
    config["train"]["model"] = {"path": "my_nets.Nett"}
    assert complaints(config, folders=[tmp_path])[0][0] == "train.model.path"


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ([], ""),
        ({}, "train"),
        ({"train": []}, "train"),
        ({"train": {"model": 3, "handlers": [4]}}, "train.handlers[0]"),
        ({"train": {"loss": []}}, "train.loss"),
        ({"train": {"key_metric": [1]}}, "train.key_metric[0]"),
        ({"train": {"dataset": {}}}, "train.dataset"),
        ({"train": {"model": {"name": "UNet", "args": []}}}, "train.model.args"),
        ({"train": {"model": {"name": "UNet", "disabled": []}}}, "train.model.disabled"),
    ],
)
def test_odd_shapes_are_problems_and_never_exceptions(complaints, broken, place):
    """Whatever JSON stands there, there is an answer."""
    assert complaints(broken)[0][0] == place


def test_cuda_in_an_argument_becomes_the_cpu(config, translated):
    """A transform that was told to work on the GPU works where there is none."""
    config["train"]["pre_transforms"][5]["args"]["device"] = "cuda"
    made = translated(config)
    assert made.bundle["train"]["pre_transforms"]["transforms"][5]["device"] == "cpu"
    assert "EnsureTyped works on the CPU, as there is no GPU" in made.notices


def test_conf_survives_the_parser(config, translated):
    """`@conf` is the config itself, with every `#`, `@` and `%` that is in it."""
    config["odd"] = "a#b @c %d $e 'f' \"g\" \\h ü"
    text = translated(config).bundle["conf"]
    assert "#" not in text
    assert "@" not in text
    assert eval(text[1:]) == translated(config).conf
    assert json.loads(json.dumps(eval(text[1:])))["odd"] == config["odd"]
