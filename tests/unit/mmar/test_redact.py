"""What is taken out of a text before it leaves the MMAR, and what is left in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmar_automl.mmar.datalist import DataList
from mmar_automl.mmar.redact import Redactor

LIST = {
    "name": "Spleen",
    "training": [
        {"image": "pat/DOE_JOHN/ct 1.nii.gz", "label": "pat/DOE_JOHN/seg.nii.gz", "site": "north"},
        {"image": "images/läsion_5.nii.gz", "label": "labels/läsion_5.nii.gz", "modality": "CT"},
        {"image": "images/sub-A1234_ct.nii.gz", "label": "labels/1.nii.gz", "patient_id": "K-77"},
    ],
    "validation": [{"image": ["/archive/x9/0001/a.dcm", "/archive/x9/0002/b.dcm"], "age": 71234}],
}


@pytest.fixture
def redact() -> Redactor:
    return Redactor([DataList(Path("/data/site/list.json"), Path("/data/site"), LIST)], "key")


@pytest.mark.parametrize(
    "text",
    [
        "/data/site/pat/DOE_JOHN/ct 1.nii.gz",
        "case doe_john is empty",
        "DOE_JOHN_pred.png",
        "wrote läsion_5_seg.nii.gz",
        '{"file": "l\\u00e4sion_5"}',
        "A1234 again",
        "id K-77.",
        "/mnt/else/UNLISTED/scan.mha",
        "C:\\patients\\X\\scan.DCM",
        "uid 1.2.840.113619.2.55.3.283116435",
        "PatientID: 4711",
        "(0010,0010) Patient's Name = MUSTER^EVA",
        "/archive/x9/0002",
    ],
)
def test_what_names_a_patient_is_taken_out(redact: Redactor, text: str) -> None:
    """Whole or in part, in any case and spelling, listed or only looking like it."""
    clean = redact(text)
    words = ("doe", "john", "sion_5", "a1234", "k-77", "unlisted", "patients", "1.2.840", "4711")
    assert "<data:" in clean or "{DATA_ROOT}" in clean
    assert not [word for word in (*words, "muster", "x9") if word in clean.lower()]


@pytest.mark.parametrize(
    "text",
    [
        "RandFlipd.prob=0.5 lr=0.0001 UNet.channels=[8, 16, 32]",
        "epoch 12/30: val_mean_dice 0.8123, train_loss 0.41",
        '"output_ext": ".nii.gz", "image_key": "image", "keys": ["image", "label"]',
        "torch 2.13.0, monai 1.6.0, images and labels of CT, site north",
        "10.0.0.1:5000 2026-11-25T09:00:00.123 seg",
        "",
    ],
)
def test_what_names_nobody_is_left(redact: Redactor, text: str) -> None:
    """Parameters, curves, versions, addresses, and words that stand in every list."""
    assert redact(text) == text


def test_one_text_is_one_mark_within_one_search(redact: Redactor) -> None:
    """So that two files can be told apart, but not be looked up with another search's token."""
    lists = [DataList(Path("/data/site/list.json"), Path("/data/site"), LIST)]
    assert redact("DOE_JOHN") == redact("doe_john") != redact("K-77")
    assert Redactor(lists, "other")("DOE_JOHN") != redact("DOE_JOHN")


def test_a_list_that_cannot_be_read_is_known_as_such() -> None:
    """Its names cannot be recognised: then no log leaves."""
    assert Redactor([DataList(Path("/x/l.json"), Path("/x"), None)], "k").blind
    assert not Redactor([], "k").blind


def test_a_long_list_costs_no_time() -> None:
    """Ten thousand cases, and a log's end of 64 KB for each job."""
    import time

    entries = [
        {"image": f"images/case_{n:05}.nii.gz", "label": f"labels/case_{n:05}.nii.gz"}
        for n in range(10_000)
    ]
    redact = Redactor([DataList(Path("/d/l.json"), Path("/d"), {"training": entries})], "k")
    log = "epoch 1 loading /d/images/case_01234.nii.gz loss 0.123\n" * 1200
    began = time.perf_counter()
    clean = redact(log)
    assert time.perf_counter() - began < 2
    assert "case_01234" not in clean
