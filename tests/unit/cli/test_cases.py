"""The field cases SH-01 to SH-09 and SH-24, each as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.defs import SearchResult
from mmar_automl.search.apply import apply
from mmar_automl.search.distinct import enumerate_distinct
from mmar_automl.search.parse import parse

Run = Callable[..., Any]
Make = Callable[..., Path]
OURS = '#!/usr/bin/env bash\nmmar-automl train -m "$MMAR_ROOT" "$@"\n'


def flip(*entries: dict[str, Any], **keys: Any) -> dict[str, Any]:
    body = {"name": "RandFlipd", "args": {"prob": 0.1, "a": 1, "b": 2}, "search": list(entries)}
    return {"train": {"pre_transforms": [body | keys]}}


def enum(args: Any, targets: Any) -> dict[str, Any]:
    return {"domain": "transform", "type": "enum", "args": args, "targets": targets}


def told(done: Any) -> list[tuple[str, str, str]]:
    return [(p["severity"], p["path"], p["message"]) for p in done.json["problems"]]


@pytest.mark.parametrize(
    ("args", "targets", "canonical"),
    [
        (["prob"], [0.0, 1.0], "[[0.0], [1.0]]"),
        (["@disabled"], [0.0, 1.0], "[[false], [true]]"),
        ("prob", [[0.1], [0.2]], '["prob"]'),
    ],
)
def test_sh_01_flat_targets_and_args_as_text(
    args: Any, targets: Any, canonical: str, run: Run, make: Make
) -> None:
    """Accepted with one warning that shows the canonical form; two choices."""
    root = make(flip(enum(args, targets)))
    done = run("validate", root, "--json")
    assert done.code == 0
    (problem,) = done.json["problems"]
    assert problem["severity"] == "warning"
    assert canonical in problem["hint"]
    shown = run("preview", root)
    assert shown.code == 0
    assert "2 distinct configurations" in shown.out


def test_sh_01_disabled_gets_booleans() -> None:
    """The written config holds true and false, not 1.0 and 0.0."""
    config = flip(enum(["@disabled#d"], [0.0, 1.0]))
    space = parse(config)
    written = [
        apply(config, SearchResult(space, values))["train"]["pre_transforms"][0]["disabled"]
        for values in enumerate_distinct(space)
    ]
    assert written == [False, True]
    assert all(isinstance(value, bool) for value in written)


def test_sh_01_ragged_choice(run: Run, make: Make) -> None:
    """Exit 2, with the choice and the numbers named."""
    done = run("validate", make(flip(enum(["a", "b"], [[1, 2], [3]]))), "--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert problem["path"] == "train.pre_transforms[0].search[0].targets[1]"
    assert problem["message"] == "1 value for 2 args (a, b)"
    assert problem["value"] == [3]


def test_sh_02_first_level_arg_with_an_at(run: Run, copy_mmar: Callable[[str], Path]) -> None:
    """Clara's own Transform example: four distinct jobs, and both transforms follow the switch."""
    root = copy_mmar("clara/pytorch")
    words = ("--set", "trainconf=trn_autoML_Transform.json", "--automlconf", "mine.json")
    automl = json.loads((root / "config/config_automl.json").read_text())
    automl["controller"] = {"name": "GridController"}
    (root / "config/mine.json").write_text(json.dumps(automl))
    assert run("validate", root, *words).code == 0
    done = run("preview", root, *words, "--json", "-n", "10")
    assert done.json["distinct_configurations"] == 4
    assert len(done.json["recommendations"]) == 4
    config = json.loads((root / "config/trn_autoML_Transform.json").read_text())
    space = parse(config)
    seen = set()
    for values in enumerate_distinct(space):
        concrete = apply(config, SearchResult(space, values))
        off = {t["name"]: t.get("disabled") for t in concrete["train"]["pre_transforms"]}
        assert off["RandFlipd"] is off["RandShiftIntensityd"]
        seen.add((off["RandFlipd"], off["RandGaussianNoised"]))
    assert seen == {(a, b) for a in (True, False) for b in (True, False)}


@pytest.mark.parametrize("fault", ["apply_circular", "apply_to_itself"])
def test_sh_03_circular_apply(fault: str, run: Run, copy_mmar: Callable[[str], Path]) -> None:
    """Both ends are named; nothing hangs, nothing is made."""
    root = copy_mmar(fault)
    done = run("validate", root, "--json")
    assert done.code == 2
    assert all("is both searched (alias" in message for _, _, message in told(done))
    assert not (root / "automl").exists()


def test_sh_04_two_optimizers_at_once(run: Run, copy_mmar: Callable[[str], Path]) -> None:
    """The choice, the list and both names, with the hint at what true means."""
    root = copy_mmar("alternatives_both_enabled")
    done = run("validate", root, "--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert "choice 1 ([false, false]) leaves 2 of 2" in problem["message"]
    assert "train.optimizer" in problem["message"]
    assert "Adam, Novograd" in problem["message"]
    assert "`@disabled: true` switches an entry off" in problem["hint"]


def test_sh_05_log_scale_and_whole_ends(run: Run, make: Make) -> None:
    """log from 0 is exit 2; [0, 1] on the linear scale gives floats."""
    entry = {"domain": "lr", "type": "float", "args": ["learning_rate"], "targets": [0, 0.001]}
    bad = make({"learning_rate": 0.1, "search": [entry | {"scale": "log"}]})
    done = run("validate", bad, "--json")
    assert done.code == 2
    assert told(done) == [("error", "search[0].targets", "the log scale needs min > 0, got 0")]
    good = make({"learning_rate": 0.1, "search": [entry | {"targets": [0, 1]}]})
    assert run("validate", good).code == 0
    values = run("preview", good, "--json").json["recommendations"]
    assert len(values) == 4
    assert all(isinstance(value["values"]["learning_rate"], float) for value in values)


def test_sh_06_lists_survive(run: Run, make: Make) -> None:
    """Lists of ints stay lists of ints, alone and in pairs, and no two choices look the same."""
    wide, narrow = [16, 32, 64, 128, 256], [8, 16, 32, 64, 128]
    model = {"name": "UNet", "args": {"channels": wide, "strides": [2], "norm": "batch"}}
    model["search"] = [enum(["channels"], [[wide], [narrow]])]
    root = make({"train": {"model": model}}, files={
        "config/config_automl.json": {"controller": {"name": "GridController"}}
    })  # fmt: skip
    values = run("preview", root, "--json").json["recommendations"]
    assert [value["values"] for value in values] == [
        {"UNet.channels": wide},
        {"UNet.channels": narrow},
    ]
    shown = run("preview", root)
    assert f"{wide} | {narrow}" in shown.out
    assert f"train.model.args.channels: {wide} → {narrow}" in shown.out
    model["search"] = [enum(["channels", "strides"], [[[16, 32, 64], [2, 2]], [narrow, [2] * 4]])]
    space = parse({"train": {"model": model}})
    args = apply({"train": {"model": model}}, SearchResult(space, {space.parameters[0].key: 0}))
    assert args["train"]["model"]["args"]["channels"] == [16, 32, 64]
    assert args["train"]["model"]["args"]["strides"] == [2, 2]


def test_sh_07_numbers_in_quotes(run: Run, make: Make) -> None:
    """A range in quotes is exit 2; a choice in quotes is a text and stays one."""
    entry = {"domain": "lr", "type": "float", "args": ["learning_rate"]}
    root = make({"learning_rate": 0.1, "search": [entry | {"targets": ["1e-4", "1e-3"]}]})
    done = run("validate", root, "--json")
    assert done.code == 2
    hints = [problem["hint"] for problem in done.json["problems"]]
    assert hints == ["write 1e-4 without quotes", "write 1e-3 without quotes"]
    config = {"learning_rate": 0.1, "search": [enum(["learning_rate"], [["1e-3"], ["1e-4"]])]}
    assert run("validate", make(config)).code == 0
    space = parse(config)
    assert apply(config, SearchResult(space, {space.parameters[0].key: 0})) == {
        "learning_rate": "1e-3"
    }
    first_level = {"learning_rate": "1e-3", "x": 1, "search": [enum(["x"], [[1], [2]])]}
    done = run(
        "validate", make(first_level, files={"commands/automl_train_round.sh": OURS}), "--json"
    )
    assert done.code == 2
    assert done.json["problems"][0]["hint"] == "write 1e-3 without quotes"


@pytest.mark.parametrize(
    ("fault", "code"), [("duplicate_key", 2), ("duplicate_search", 2), ("duplicate_comment", 0)]
)
def test_sh_08_duplicate_keys(
    fault: str, code: int, run: Run, copy_mmar: Callable[[str], Path]
) -> None:
    """Loud, with both lines, for a key that counts; one warning for a comment."""
    done = run("validate", copy_mmar(fault), "--json")
    assert done.code == code
    (problem,) = done.json["problems"]
    assert "stands twice, on lines" in problem["message"]


def test_sh_09_bom_and_windows_line_ends(run: Run, make: Make) -> None:
    """All four files read normally, and each oddity is mentioned."""

    def odd(value: Any) -> bytes:
        return ("\ufeff" + json.dumps(value, indent=1).replace("\n", "\r\n")).encode()

    dataset = {
        "name": "Dataset",
        "data_list_file_path": "{DATASET_JSON}",
        "data_file_base_dir": "{DATA_ROOT}",
    }
    root = make(
        {"x": 1, "search": [enum(["x"], [[1], [2]])], "train": {"dataset": dataset}},
        files={
            "config/config_automl.json": odd({"controller": {"name": "GridController"}}),
            "config/environment.json": odd({"DATA_ROOT": "d", "DATASET_JSON": "d/list.json"}),
            "d/list.json": odd({"training": [{"image": "list.json", "label": "list.json"}]}),
            "commands/automl_train_round.sh": OURS,
        },
    )
    train = root / "config/config_train.json"
    train.write_bytes(odd(json.loads(train.read_text())))
    done = run("validate", root, "--json")
    assert done.code == 0
    assert len(done.json["problems"]) == 6
    assert {severity for severity, _, _ in told(done)} == {"warning"}


def test_sh_24_data_list(run: Run, make: Make) -> None:
    """Counts and the first absolute paths for each list, what is empty, missing or misspelt."""
    entries = [{"image": f"i{n}.nii", "label": "here"} for n in range(40)]
    entries[5] = {"image": "here", "label": "gone"}
    entries[6] = {"image": "here"}
    for n in (*range(5), *range(7, 37)):
        entries[n]["image"] = "here"
    dataset = {
        "name": "Dataset",
        "data_list_file_path": "{DATASET_JSON}",
        "data_file_base_dir": "{DATA_ROOT}",
        "args": {},
    }
    config = {
        "x": 1,
        "search": [enum(["x"], [[1], [2]])],
        "train": {"dataset": dataset | {"data_list_key": "training"}},
        "validate": {"dataset": dataset | {"data_list_key": "validation"}},
    }
    root = make(
        config,
        files={
            "config/environment.json": {"DATA_ROOT": "data", "DATASET_JSON": "data/list.json"},
            "data/list.json": {"training": entries, "validation": []},
            "data/here": "",
            "commands/automl_train_round.sh": OURS,
        },
    )
    done = run("validate", root, "--json")
    assert done.code == 2
    messages = {problem["message"]: problem for problem in done.json["problems"]}
    missing = next(message for message in messages if "do not exist" in message)
    assert missing.startswith("4 of the files of 'training' (40 entries) do not exist: ")
    assert f"{root}/data/gone, {root}/data/i37.nii, {root}/data/i38.nii and 1 more" in missing
    assert messages[missing]["hint"] == f"DATA_ROOT is {root}/data"
    assert messages["the entry names no label"]["path"] == "training[6]"
    assert "the list 'validation' of validate is empty" in messages
    assert run("validate", root, "--no-data-check").code == 0
    listed = {"trainig": entries[:1], "validation": entries[:1]}
    (root / "data/list.json").write_text(json.dumps(listed))
    done = run("validate", root)
    assert "the list 'training' of train is missing" in done.out
    assert "the file has trainig, validation" in done.out
