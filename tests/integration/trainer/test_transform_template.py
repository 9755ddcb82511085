"""What `mmar-automl new transform` writes is a good citizen among MONAI's transforms."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

import mmar_automl.app


@pytest.fixture(scope="module")
def template() -> Any:
    """The class that `new` writes, under its own name."""
    file = Path(mmar_automl.app.__path__[0]) / "templates/components/transform.py"
    spec = importlib.util.spec_from_file_location("template_of_a_transform", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MyTransform


def case() -> dict[str, Any]:
    return {"image": torch.linspace(-2, 3, 27).reshape(1, 3, 3, 3), "label": torch.ones(1, 3, 3, 3)}


def test_it_bends_the_image_alone_and_not_in_place(template: Any) -> None:
    """Within the range that it had; the label and what the cache holds stay as they are."""
    given = case()
    step = template(keys=["image"], prob=1.0).set_random_state(seed=0)
    made = step(given)
    assert torch.equal(given["image"], case()["image"])
    assert made["label"] is given["label"]
    assert not torch.allclose(made["image"], given["image"])
    assert made["image"].min() == pytest.approx(-2)
    assert made["image"].max() == pytest.approx(3)
    assert torch.all(made["image"].flatten().diff() > 0)


def test_chance_is_seeded_and_can_be_switched_off(template: Any) -> None:
    """The same seed bends alike; with prob 0 nothing is bent; a constant image stays finite."""
    first, second = (template(keys=["image"], prob=0.5).set_random_state(seed=7) for _ in range(2))
    for _ in range(5):
        assert torch.equal(first(case())["image"], second(case())["image"])
    assert torch.equal(template(keys=["image"], prob=0.0)(case())["image"], case()["image"])
    flat = template(keys=["image"], prob=1.0)({"image": torch.zeros(1, 2, 2, 2)})
    assert torch.isfinite(flat["image"]).all()


def test_what_it_cannot_do_is_refused(template: Any) -> None:
    """With the value."""
    with pytest.raises(ValueError, match=r"at least 1, got 0\.5"):
        template(keys=["image"], strongest=0.5)
    with pytest.raises(KeyError):
        template(keys=["volume"], prob=1.0)(case())
