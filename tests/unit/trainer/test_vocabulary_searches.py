"""Searches of 3.x in 4.1's words: every choice of the one is a choice of the other."""

import itertools
import json
from pathlib import Path

import pytest

from mmar_automl.defs import Choices, SearchResult
from mmar_automl.mmar.environment import variables
from mmar_automl.mmar.source import JsonSource
from mmar_automl.search import apply
from mmar_automl.search.parse import parse
from mmar_automl.trainer.scopes import Findings
from mmar_automl.trainer.translate import translate
from mmar_automl.trainer.vocabulary import config as vocabulary
from mmar_automl.trainer.vocabulary.searches import carry

MMARS = Path(__file__).parents[2] / "mmars"
FILES = [*sorted((MMARS / "clara3" / "config").glob("*.json")),
         *sorted((MMARS / "clara" / "tensorflow" / "config").glob("trn_*.json"))]  # fmt: skip


def known(config):
    return variables(config, {"DATA_ROOT": "/d", "DATASET_JSON": "/d/l.json"}, {}, Path("/m"))


def carried(config):
    """The 4.1 config, what became of each search, and what is wrong."""
    source = JsonSource(Path("/m/config/config_train.json"), config, {})
    findings = Findings(source)
    made, searches = carry(
        config, lambda c: vocabulary.convert(c, known(c), Findings(source)).config, findings
    )
    return made, searches, findings.problems


def bundle(config):
    """What trains: the bundle config without the record of what it was made from."""
    source = JsonSource(Path("/m/config/config_train.json"), config, {})
    made = translate(source, known(config)).bundle
    return {scope: made[scope] for scope in ("train", "validate")}


def looks(parameter):
    domain = parameter.domain
    return list(domain.values) if isinstance(domain, Choices) else [domain.min, domain.max]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_choice_trains_the_same_either_way(file):
    """All of NVIDIA's own configs, and the seeds' figures and examples."""
    config = json.loads(file.read_text())
    made, searches, problems = carried(config)
    assert problems == ()
    old, new = parse(config), parse(made)
    assert len(searches) == len(new) == len(old)
    by_source = {parameter.source: parameter for parameter in new}
    for values in itertools.product(*(looks(parameter) for parameter in old)):
        chosen = dict(zip((p.key for p in old), values, strict=True))
        today = {by_source[each.source].key: chosen[each.was[0].key] for each in searches}
        one = bundle(apply(config, SearchResult(old, chosen)))
        other = bundle(apply(made, SearchResult(new, today)))
        assert one == other


@pytest.fixture
def config():
    made = json.loads((MMARS / "clara3" / "config" / "figure_9.json").read_text())
    del made["search"]
    return made


def entry(args, targets, type="enum", **more):
    return {"domain": "net", "type": type, "args": args, "targets": targets, **more}


def test_what_was_one_arg_may_be_several(config):
    """The activation is the loss's and the post transforms', under names of the old one."""
    config["train"]["model"]["search"] = [entry(["final_activation"], [["softmax"], ["sigmoid"]])]
    made, _, problems = carried(config)
    assert problems == ()
    names = made["search"][0]["args"]
    assert all(name.startswith("final_activation_") for name in names)
    assert made["train"]["loss"]["apply"]["sigmoid"] == "final_activation_sigmoid"
    assert "search" not in made["train"]["model"]


def test_two_that_write_to_one_place_become_one(config):
    """With all their combinations, and the same configs."""
    config["train"]["model"]["search"] = [
        entry(["final_activation"], [["softmax"], ["sigmoid"]]),
        entry(["num_classes"], [[2], [3], [4]]),
    ]
    made, searches, problems = carried(config)
    assert problems == ()
    (one,) = searches
    assert len(one.was) == 2
    assert len(made["search"][0]["targets"]) == 6


def test_a_range_stays_a_range(config):
    """Its scale and default with it; a weight of the network's is the optimizer's today."""
    search = [entry(["reg_weight"], [1e-6, 1e-3], "float", scale="log", default=1e-5)]
    config["train"]["model"]["search"] = search
    made, _, problems = carried(config)
    assert problems == ()
    (found,) = made["train"]["optimizer"]["search"]
    assert found["args"] == ["weight_decay"]
    assert (found["targets"], found["scale"], found["default"]) == ([1e-6, 1e-3], "log", 1e-5)


def test_a_default_is_the_same_choice(config):
    search = [entry(["final_activation"], [["softmax"], ["sigmoid"]], default=["sigmoid"])]
    config["train"]["model"]["search"] = search
    made, _, problems = carried(config)
    assert problems == ()
    (parameter,) = parse(made)
    assert parameter.default == 1


def test_one_number_for_two_args(config):
    """A magnitude is scale and shift today, and one number for both."""
    config["train"]["pre_transforms"][8]["search"] = [entry(["magnitude"], [0.0, 0.3], "float")]
    made, _, problems = carried(config)
    assert problems == ()
    (found,) = made["train"]["pre_transforms"][8]["search"]
    assert (found["args"], found["targets"]) == (["scale", "shift"], [0.0, 0.3])


def test_clara_s_short_form_is_carried_over(config):
    config["lr_search"] = [1e-4, 1e-2]
    made, _, problems = carried(config)
    assert problems == ()
    assert "lr_search" not in made
    assert made["search"][0]["args"] == ["learning_rate"]


@pytest.mark.parametrize(
    ("args", "search", "severity", "said"),
    [
        ({"name": "Unet", "nf_enc": "4,8", "nf_dec": "8,4"},
         entry(["nf_dec"], [["8,4"], ["4,4"]]), "warning", "nothing of what this searches is left"),
        ({"name": "SegResnet", "use_vae": False, "init_filters": 4},
         entry(["init_filters"], [[4], [8]], when={"learning_rate": [0.001]}),
         "error", "no parameter is called"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_told(config, args, search, severity, said):
    config["train"]["model"] = {"name": args.pop("name"), "args": args, "search": [search]}
    _, _, problems = carried(config)
    assert [(p.severity, said in p.message) for p in problems] == [(severity, True)]


def test_another_component_for_another_choice_is_told(config):
    """A cache that replaces its cases is another class than one that does not."""
    pipeline = config["train"]["image_pipeline"]
    pipeline["name"] += "WithCache"
    pipeline["args"].update(num_cache_objects=2, replace_percent=0.25)
    pipeline["search"] = [entry(["replace_percent"], [[0.0], [0.25]])]
    _, _, (problem,) = carried(config)
    assert "built differently today" in problem.message
    assert problem.path == ("train", "image_pipeline", "search", 0)


def test_conditions_are_told(config):
    config["search"] = [entry(["learning_rate"], [[0.1], [0.2]])]
    config["train"]["model"]["search"] = [
        entry(["init_filters"], [[4], [8]], when={"learning_rate": [0.1]})
    ]
    _, _, (problem,) = carried(config)
    assert problem.message == "conditions are not carried over"


def test_names_that_are_taken_get_a_number(config):
    """A first-level value of the user's keeps its name."""
    config["final_activation_sigmoid"] = 1
    config["train"]["model"]["search"] = [entry(["final_activation"], [["softmax"], ["sigmoid"]])]
    made, _, problems = carried(config)
    assert problems == ()
    assert "final_activation_sigmoid_2" in made["search"][0]["args"]
    assert made["final_activation_sigmoid"] == 1
