"""Clara 3.x's words in today's: one config after the other, without torch."""

import copy
import json
import math
import random
from pathlib import Path

import pytest

from mmar_automl.errors import format_path
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.source import JsonSource
from mmar_automl.trainer.scopes import Findings
from mmar_automl.trainer.translate import translate
from mmar_automl.trainer.vocabulary import config as vocabulary
from mmar_automl.trainer.vocabulary.entry import CATALOG
from mmar_automl.trainer.vocabulary.known import UNSUPPORTED

MMARS = Path(__file__).parents[2] / "mmars"
FIELDS = ["image", "label"]
TRANSFORMS = {
    "LoadNifti": {"fields": FIELDS, "as_closest_canonical": True},
    "LoadPng": {"fields": "image"},
    "ConvertToChannelsFirst": {"fields": FIELDS},
    "ConvertToChannelsLast": {"fields": FIELDS},
    "ScaleByResolution": {"fields": "label", "target_resolution": [1, 1, 1], "is_label": True},
    "ScaleToShape": {"fields": "image", "target_shape": [8, 8, 8]},
    "ScaleIntensityRange": {"fields": "image", "a_min": 0, "a_max": 1, "b_min": 0, "b_max": 1},
    "NormalizeNonzeroIntensities": {"fields": "image"},
    "SymmetricPadderDiv": {"fields": FIELDS, "div_int": 16},
    "CropSubVolumeCenter": {"fields": FIELDS, "size": [8, 8, 8]},
    "FastCropByPosNegRatio": {"size": [8, 8, 8], "fields": "image", "batch_size": 3},
    "CropByPosNegRatio": {"size": [8, 8, 8], "fields": "image", "batches_to_gen_at_once": 4},
    "FastPosNegRatioCropROI": {"size": [8, 8, 8], "rotation": True, "fast_crop": True},
    "CropFixedSizeRandomCenter": {"size": [8, 8, 8], "fields": FIELDS},
    "RandomAxisFlip": {"fields": FIELDS, "probability": 0.0},
    "RandomSpatialFlip": {"fields": FIELDS},
    "RandomRotate3D": {"fields": FIELDS, "probability": 0.1},
    "RandomRotate2D": {"fields": FIELDS, "is_random": True, "angle": 15},
    "RandomZoom": {"image_field": "image", "label_field": "label", "lower_limits": [0.8]},
    "ScaleShiftIntensity": {"fields": "image", "scale": 0.1, "shift": 0.1},
    "ScaleIntensityOscillation": {"fields": "image", "magnitude": 0.1},
    "AddGaussianNoise": {"fields": "image", "probability": 0.5, "variance": 0.1},
    "SaveAsNifti": {"fields": "image", "out_dir": "out", "interrupt": True},
}
"""Every transform of the catalog, with arguments as 3.x's configs have them."""
OTHERS = {
    "loss": [
        ("Dice", {"squared_pred": True, "smooth": 1e-4, "data_format": "channels_last"}),
        ("Focal", {"skip_background": True}),
    ],
    "optimizer": [("Adam", {}), ("NovoGrad", {})],
    "lr_policy": [
        ("ReducePoly", {"poly_power": 0.9}),
        ("ReduceCosine", {"rate": 0.5}),
        ("DecayOnStep", {"decay_ratio": 0.9, "decay_freq": 10}),
        ("ReduceOnPlateau", {"plateau_count_trigger": 3, "reduction_rate": 0.5}),
    ],
    "model": [
        ("SegResnet", {"num_classes": 2, "blocks_down": "1,2", "blocks_up": "1"}),
        ("Unet", {"num_classes": 2, "nf_enc": "4,8", "nf_dec": "8,4", "use_batch_norm": True}),
        ("SegAhnet", {"num_classes": 2, "if_use_psp": True, "pretrain_weight_name": "w.h5"}),
    ],
    "image_pipeline": [
        (name, {"num_cache_objects": 4, "replace_percent": 0.25} if "Cache" in name else {})
        for name in (
            "SegmentationImagePipeline",
            "SegmentationKerasImagePipeline",
            "SegmentationImagePipelineWithCache",
            "SegmentationKerasImagePipelineWithCache",
        )
    ],
}


@pytest.fixture
def config():
    """A whole config of 3.x: the completed figure 9."""
    return json.loads((MMARS / "clara3" / "config" / "figure_9.json").read_text())


@pytest.fixture
def translated(tmp_path):
    def run(config, **given):
        source = JsonSource(tmp_path / "m" / "config" / "config_train.json", config, {})
        environment = {"DATA_ROOT": "/data", "DATASET_JSON": "/data/list.json"}
        return translate(source, variables(config, environment, given, tmp_path))

    return run


@pytest.fixture
def wrong(translated):
    """What is wrong with a config: path → (message, hint)."""

    def run(config):
        problems = translated(config).problems
        return {format_path(p.path): (p.message, p.hint) for p in problems if p.severity == "error"}

    return run


def test_every_entry_says_where_it_differs():
    """The catalog is what the report and the documentation are made of."""
    for entry in CATALOG.values():
        doc = " ".join((entry.function.__doc__ or "").split())
        assert doc.endswith("The same.") or "The same, see there." in doc or "Differs: " in doc, (
            entry.name
        )


def test_the_catalog_is_tested_whole():
    """No entry without a config that has it."""
    asked = {*TRANSFORMS, *(name for listed in OTHERS.values() for name, _ in listed)}
    asked |= {"TFSimpleInferer", "TFScanWindowInferer", "MergeBatchDims"}
    asked |= {"DiceMaskedOutput", "ComputeDice", "NegLoss", "ComputeAverage", "ComputeAverageDice"}
    assert set(CATALOG) == asked
    assert not set(CATALOG) & set(UNSUPPORTED)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_is_one_of_today(name, translated, config):
    """Its counterpart exists and takes the arguments that it is given."""
    config["train"]["pre_transforms"].append({"name": name, "args": TRANSFORMS[name]})
    # A second bearer of a name would leave open which one a `ref` means.
    config["validate"]["pre_transforms"] = []
    found = translated(config)
    assert found.problems == ()
    made = found.bundle["train"]["pre_transforms"]["transforms"][-1]
    assert not any(key in made for key in ("fields", "probability"))


@pytest.mark.parametrize(
    ("section", "name", "args"),
    [(section, *each) for section, listed in OTHERS.items() for each in listed],
)
def test_a_component_is_one_of_today(section, name, args, translated, config):
    if section == "image_pipeline":
        args = {**config["train"][section]["args"], **args}
    config["train"][section] = {"name": name, "args": args}
    assert translated(config).problems == ()


def test_the_activation_moves_out_of_the_network(translated, config):
    """MONAI's networks give logits: the loss and the post transforms have to know."""
    for word, other in (("softmax", "sigmoid"), ("sigmoid", "softmax")):
        config["train"]["model"]["args"]["final_activation"] = word
        found = translated(config).bundle["train"]
        activation, discrete = found["post_transforms"]["transforms"]
        for made in (found["loss"], activation):
            assert (made[word], made[other]) == (True, False)
        assert discrete["argmax"][0] is (word == "softmax")
        assert discrete["threshold"] == [None if word == "softmax" else 0.5, None]
        assert discrete["to_onehot"] == [2 if word == "softmax" else None, 2]
        assert "final_activation" not in found["model"]


def test_a_zoom_by_either_naming_of_fields(translated, config):
    """NVIDIA's examples name image and label; a label is never interpolated."""
    (fields, named) = ({"fields": FIELDS}, {"image_field": "image", "label_field": "seg"})
    for args, mode in ((fields, ["area", "nearest"]), (named, ["area", "nearest"])):
        config["train"]["pre_transforms"][8] = {"name": "RandomZoom", "args": args}
        made = translated(config).bundle["train"]["pre_transforms"]["transforms"][8]
        assert made["mode"] == mode
        assert len(made["keys"]) == 2


def test_a_range_is_given_by_its_end_or_its_length(translated, wrong, config):
    args = config["train"]["pre_transforms"][4]["args"]
    end = args.pop("a_max")
    assert "either a_max or a_offset" in wrong(config)["train.pre_transforms[4]"][0]
    args["a_offset"] = 50
    made = translated(config).bundle["train"]["pre_transforms"]["transforms"][4]
    assert (made["a_min"], made["a_max"]) == (-200, -150)
    args["a_max"] = end
    assert "either a_max or a_offset" in wrong(config)["train.pre_transforms[4].args.a_offset"][0]


def test_a_turn_is_random_or_always_the_same(translated, config):
    for drawn, expected in ((True, "RandRotated"), (False, "Rotated")):
        args = {"fields": FIELDS, "angle": 90, "is_random": drawn}
        config["train"]["pre_transforms"][8] = {"name": "RandomRotate2D", "args": args}
        made = translated(config).bundle["train"]["pre_transforms"]["transforms"][8]
        assert made["_target_"].endswith(expected)
        angle = made["range_x"][1] if drawn else made["angle"]
        assert angle == pytest.approx(math.pi / 2)


def test_a_pipeline_says_whether_it_shuffles_and_keeps(translated, config):
    """Unless it says so, the training's cases come in any order, and the validation's do not."""
    found = translated(config).bundle
    assert [found[half]["dataloader"]["shuffle"] for half in ("train", "validate")] == [True, False]
    pipeline = config["train"]["image_pipeline"]
    pipeline["name"] += "WithCache"
    pipeline["args"].update(shuffle=False, caches_data=False, num_cache_objects=3)
    train = translated(config).bundle["train"]
    assert train["dataloader"]["shuffle"] is False
    assert train["dataset"]["_target_"].endswith(".Dataset")


def test_two_alternatives_that_are_enabled_are_named_in_the_users_words(wrong, config):
    config["train"]["loss"] = [{"name": "Dice"}, {"name": "Focal"}]
    message, _ = wrong(config)["train.loss"]
    assert message == "2 of its alternatives are enabled (Dice, Focal); exactly one must be"


def test_a_variational_branch_adds_to_the_loss(translated, wrong, config):
    """To each of several losses; it has to know the size of the crops."""
    config["train"]["model"]["args"]["use_vae"] = True
    found = translated(config)
    assert found.problems == ()
    train = found.bundle["train"]
    assert train["model"]["_target_"].endswith("SegResnetVae")
    assert train["model"]["input_image_size"] == [48, 48, 32]
    assert train["loss"]["loss"]["_target_"].endswith("DiceLoss")
    dice = config["train"]["loss"]
    config["train"]["loss"] = [{"name": "Focal", "disabled": True}, dice]
    assert translated(config).bundle["train"]["loss"] == train["loss"]
    config["train"]["image_pipeline"]["args"]["output_crop_size"] = [-1, -1, -1]
    message, hint = wrong(config)["train.model.args.use_vae"]
    assert "how large the crops are" in message
    assert "output_crop_size" in hint


def test_one_class_has_no_background(translated, config):
    config["train"]["model"]["args"].update(num_classes=1, final_activation="sigmoid")
    found = translated(config).bundle
    loss = found["train"]["loss"]
    assert (loss["include_background"], loss["to_onehot_y"]) == (True, False)
    metric = found["validate"]["key_metric"]["mean_dice"]
    assert metric["include_background"] is True


def test_a_tag_of_several_is_one_class(translated, config):
    """`tags` names the classes, without the background where that is skipped."""
    config["train"]["aux_ops"][0]["args"]["tags"] = ["dice_a", "dice_b"]
    config["train"]["model"]["args"]["num_classes"] = 3
    config["validate"]["metrics"] = [
        {"name": "ComputeAverage", "args": {"name": "b", "field": "dice_b", "is_key_metric": True}},
        {"name": "ComputeAverage", "args": {"name": "a", "field": "dice_a"}},
    ]
    found = translated(config)
    assert found.problems == ()
    validate = found.bundle["validate"]
    assert "['pred'][2:3]" in validate["key_metric"]["b"]["output_transform"]
    assert "['pred'][1:2]" in validate["additional_metrics"]["a"]["output_transform"]


def test_what_others_weigh_goes_to_the_optimizer(translated, config):
    """`reg_weight` was the network's; searched, it must have an effect."""
    assert translated(config).bundle["train"]["optimizer"]["weight_decay"] == 1e-5


def test_policies_go_by_epoch_iteration_and_validation(translated, config):
    """Of several policies the enabled one takes the steps."""
    config["train"]["lr_policy"] = [
        {"name": name, "args": args, "disabled": name != "ReduceOnPlateau"}
        for name, args in OTHERS["lr_policy"]
    ]
    found = translated(config)
    assert found.problems == ()
    kinds = [each["_target_"].rpartition(".")[2] for each in found.bundle["train"]["handlers"]]
    assert "LrScheduleHandler" not in kinds
    (handler,) = [h for h in found.bundle["validate"]["handlers"] if "lr_scheduler" in h]
    assert "key_metric_name" in handler["step_transform"]
    config["train"]["lr_policy"][2]["disabled"] = False
    config["train"]["lr_policy"][3]["disabled"] = True
    (handler,) = [h for h in translated(config).bundle["train"]["handlers"] if "lr_scheduler" in h]
    assert handler["epoch_level"] is False


def test_two_old_classes_may_be_one_today(translated, config):
    """A `ref` finds its component all the same."""
    config["train"]["pre_transforms"] += [
        {"name": "ScaleShiftIntensity", "args": {"fields": "image", "scale": 0.5}},
        {"name": "RandomSpatialFlip", "args": {"fields": FIELDS}},
    ]
    config["validate"]["pre_transforms"] += [
        {"ref": "ScaleShiftIntensity"},
        {"ref": "ScaleIntensityOscillation"},
    ]
    found = translated(config)
    assert found.problems == ()
    macros = found.bundle["validate"]["pre_transforms"]["transforms"][-2:]
    assert [made["scale"] for made in macros] == [0.5, 0.1]


def test_variables_have_either_name(translated, config):
    """The round script of a 4.x MMAR may set `num_interval_per_valid`, 3.x's the old name."""
    for name in ("num_training_epoch_per_valid", "num_interval_per_valid"):
        found = translated(config, **{name: 7, "epochs": 7})
        (handler,) = [h for h in found.bundle["train"]["handlers"] if "interval" in h]
        assert handler["interval"] == 7


def test_a_config_of_4_is_none_of_3():
    assert not vocabulary.is_three({"train": {"model": {"name": "SegAhnet"}}})
    assert vocabulary.is_three({"train": {"aux_ops": []}})
    assert not vocabulary.is_three([])


@pytest.mark.parametrize("section", ["val_metrics", "label_transforms", "image_pipeline"])
def test_a_validation_config_is_told_in_one_line(section, translated):
    """It has no half of a training, and what validates today is said."""
    found = translated({"pre_transforms": [], section: []})
    (problem,) = found.problems
    assert problem.message == "a validation config of Clara 3.x cannot be read"
    assert "evaluate -c config/config_train.json" in problem.hint


def test_todays_components_may_stand_among_the_old(translated, config):
    config["train"]["pre_transforms"].append({"name": "RandFlipd", "args": {"keys": FIELDS}})
    assert translated(config).problems == ()


def test_what_is_wrong_is_told_at_once_in_the_users_words(wrong, config):
    """Unknown, unsupported and misused: each at its place in the 3.x config, with its mend."""
    train = config["train"]
    train["loss"]["name"] = "Dise"
    train["lr_policy"]["args"] = {"poly_powr": 0.9}
    train["model"]["args"]["final_activation"] = "tanh"
    train["model"]["args"]["blocks_up"] = "1,x"
    train["pre_transforms"] += [
        {"name": "RandomAxisFlp", "args": {}},
        {"name": "KeepLargestCC", "args": {}},
        {"name": "RandomZoom", "args": {}},
        {"path": "nowhere.Net", "args": {}},
    ]
    train["image_pipeline"]["name"] = "ClassificationImagePipeline"
    config["validate"]["metrics"][0]["args"]["field"] = "dise"
    config["validate"]["pre_transforms"][0]["ref"] = "LoadNifty"
    found = wrong(config)
    assert found["train.loss.name"][1] == "did you mean Dice?"
    assert "no component of Clara 3.x" in found["train.loss.name"][0]
    assert found["train.lr_policy.args.poly_powr"][1] == "did you mean 'poly_power'?"
    assert "whole numbers" in found["train.model.args.blocks_up"][0]
    assert "did you mean RandomAxisFlip" in found["train.pre_transforms[9].name"][1]
    assert "KeepLargestConnectedComponentd" in found["train.pre_transforms[10].name"][1]
    assert "needs the argument 'fields'" in found["train.pre_transforms[11]"][0]
    assert found["train.pre_transforms[12].path"][0] == "there is no such class or function"
    assert "classification of 3.x" in found["train.image_pipeline.name"][1]
    assert "there are dice" in found["validate.metrics[0].args.field"][1]
    assert "LoadNifty" in found["validate.pre_transforms[0].ref"][0]
    assert "softmax or sigmoid" in found["train.model.args.final_activation"][0]
    assert len(found) == 11


@pytest.mark.parametrize(
    ("section", "index", "arg", "odd", "said"),
    [
        ("pre_transforms", 6, "probability", 1.5, "a number from 0 to 1"),
        ("pre_transforms", 6, "probability", [0, 1], "a number from 0 to 1"),
        ("pre_transforms", 5, "size", "big", "a whole number or a list of them"),
        ("pre_transforms", 2, "target_resolution", [1, None], "a number or a list of numbers"),
        ("pre_transforms", 4, "clip", "yes", "true or false"),
        ("pre_transforms", 4, "a_min", {}, "a number"),
        ("pre_transforms", 0, "fields", [], "a name or a list of names"),
        ("lr_policy", None, "poly_power", "high", "a number"),
        ("model", None, "init_filters", 2.5, "a whole number"),
        ("model", None, "dropout_prob", "{nope}", "nope"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_told_before_a_training(
    section, index, arg, odd, said, wrong, config
):
    body = config["train"][section] if index is None else config["train"][section][index]
    body["args"][arg] = odd
    where = f"train.{section}" + ("" if index is None else f"[{index}]")
    found = wrong(config)
    assert list(found) == [f"{where}.args.{arg}"]
    assert said in found[f"{where}.args.{arg}"][0]


def test_what_is_handed_on_keeps_its_variable(translated, config):
    """A first-level name is read when the training is made; a number in quotes is a number."""
    config["turn"] = 0.25
    config["train"]["pre_transforms"][6]["args"]["probability"] = "{turn}"
    config["train"]["pre_transforms"][7]["args"]["probability"] = "0.75"
    source = JsonSource(Path("c.json"), config, {})
    made = vocabulary.convert(config, variables(config, {}, {}, Path()), Findings(source)).config
    flip, turn = made["train"]["pre_transforms"][6:8]
    assert (flip["args"]["prob"], turn["args"]["prob"]) == ("{turn}", 0.75)


def test_a_scanning_window_needs_a_size(wrong, config):
    del config["validate"]["inferer"]
    assert wrong(config) == {}
    del config["validate"]["image_pipeline"]["args"]["output_crop_size"]
    assert "nothing says how large" in wrong(config)["use_scanning_window"][0]


def test_a_reference_to_a_transform_that_is_wrong_is_no_other_error(wrong, config):
    config["train"]["pre_transforms"][1]["args"]["felds"] = "image"
    assert list(wrong(config)) == ["train.pre_transforms[1].args.felds"]


@pytest.mark.parametrize("name", ["train", "validate"])
def test_half_a_config_is_told(name, wrong, config):
    del config[name]
    assert name in wrong(config)


@pytest.mark.parametrize("name", ["loss", "model", "optimizer", "image_pipeline"])
def test_what_a_training_lacks_is_one_error(name, wrong, config):
    """And not one more for each section that refers to it."""
    del config["train"][name]
    assert list(wrong(config)) == [f"train.{name}"]


def test_a_component_of_another_kind_is_told(wrong, config):
    config["train"]["model"]["name"] = "Dice"
    assert wrong(config) == {"train.model.name": ("Dice is no model", "it is a loss")}


def test_a_config_is_not_changed(translated, config):
    before = copy.deepcopy(config)
    translated(config)
    vocabulary.convert(config, {}, Findings(JsonSource(Path("c.json"), config, {})))
    assert config == before


def places(node, path=()):
    """Every place in a config."""
    if path:
        yield path
    for step, child in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(child, (dict, list)):
            yield from places(child, (*path, step))
        else:
            yield (*path, step)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_stands_in_a_config_is_no_fault_of_ours(seed, translated, config):
    """Anything anywhere: a problem at most, never an exception."""
    draw = random.Random(seed)
    odd = [None, 1, -1.5, True, "x", "", "{nope}", [], {}, [1], ["a", {}], {"name": "x"}]
    for _ in range(draw.choice([1, 2, 4])):
        *way, last = draw.choice(list(places(config)))
        body = config
        for step in way:
            body = body[step]
        if draw.random() < 0.3:
            del body[last]
        else:
            body[last] = copy.deepcopy(draw.choice(odd))
    for problem in translated(config).problems:
        assert problem.message


def test_the_page_lists_the_whole_catalog():
    page = (Path(__file__).parents[3] / "docs" / "clara-3x.md").read_text()
    for name, entry in CATALOG.items():
        assert f"| `{name}` |" in page
        assert entry.differs in page
