"""Clara 3.x's words: how long a translation takes, and our transforms beside MONAI's nearest.

    python bench/bench_vocabulary.py [--json]

The volume is a crop of 96 voxels a side. Both sides of a row are timed in turns, so that a load on
the machine falls on both, and the median of their ratios is what counts; exit status 1 where it is
above 1.1, or a translation takes 50 ms or more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

TURNS = 200
LIMIT = 1.1
MILLISECONDS = 50
CONFIGS = Path(__file__).parents[1] / "tests" / "mmars"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    translations = [translation(file) for file in sorted(CONFIGS.glob("clara*/**/config/*.json"))
                    if '"image_pipeline"' in file.read_text()]  # fmt: skip
    rows = transforms()
    if words.json:
        print(json.dumps({"translations": translations, "transforms": rows}, indent=2))
    else:
        print(f"{'translation of':32} {'first, ms':>10} {'then, ms':>10}")
        for row in translations:
            print(f"{row['config']:32} {row['first_ms']:10.1f} {row['ms']:10.1f}")
        print(f"\n{'ours':28} {'ms':>8}   {'MONAI':40} {'ms':>8} {'ratio':>6}")
        for row in rows:
            print(f"{row['ours']:28} {row['ms']:8.3f}   {row['monai']:40} {row['monai_ms']:8.3f} "
                  f"{row['ratio']:6.2f}")  # fmt: skip
    slow = [row for row in rows if row["ratio"] > LIMIT]
    return int(bool(slow) or any(row["ms"] >= MILLISECONDS for row in translations))


def translation(file: Path) -> dict[str, Any]:
    from mmar_automl.mmar.environment import variables
    from mmar_automl.mmar.source import read_json
    from mmar_automl.trainer.translate import translate

    source = read_json(file)
    known = variables(source.data, {"DATA_ROOT": "/d", "DATASET_JSON": "/l.json"}, {}, file.parent)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        translate(source, known)
        times.append((time.perf_counter() - start) * 1000)
    return {"config": file.stem, "first_ms": times[0], "ms": statistics.median(times[1:])}


def transforms() -> list[dict[str, Any]]:
    warnings.simplefilter("ignore")
    import torch
    from monai import transforms as monai
    from monai.data import MetaTensor

    from mmar_automl.trainer.clara3 import transforms as ours

    torch.set_num_threads(1)
    image = MetaTensor(torch.rand(1, 96, 96, 96))
    label = MetaTensor((torch.rand(1, 128, 128, 128) > 0.9).float())
    case = {"image": image}
    pair = {"image": MetaTensor(torch.rand(1, 128, 128, 128)), "label": label}
    both, size = ["image", "label"], [64, 64, 64]
    bend = {"prob": 1.0, "rotate_range": [0.26] * 3, "scale_range": [0.1] * 3, "spatial_size": size,
            "mode": ["bilinear", "nearest"], "padding_mode": "border"}  # fmt: skip
    crop = monai.RandCropByPosNegLabeld(both, "label", size, num_samples=1)
    return [
        compare(
            "RandScaleShiftIntensityd", ours.RandScaleShiftIntensityd("image"),
            "RandScaleIntensityd + RandShiftIntensityd",
            monai.Compose([monai.RandScaleIntensityd("image", 0.1, prob=1.0),
                           monai.RandShiftIntensityd("image", 0.1, prob=1.0)]), case),
        compare(
            "RandScaleShiftIntensityd", ours.RandScaleShiftIntensityd("image"),
            "RandShiftIntensityd alone",
            monai.RandShiftIntensityd("image", 0.1, prob=1.0), case),
        compare(
            "RandVarianceNoised", ours.RandVarianceNoised("image", prob=1.0),
            "RandGaussianNoised",
            monai.RandGaussianNoised("image", prob=1.0, std=0.316, sample_std=False), case),
        compare(
            "RandPosNegCropd", ours.RandPosNegCropd(both, "label", size),
            "RandCropByPosNegLabeld", crop, pair),
        compare(
            "RandCropROId", ours.RandCropROId(*both, size, rotate_degrees=15, scale=0.1),
            "RandCropByPosNegLabeld + RandAffined",
            monai.Compose([crop, monai.RandAffined(both, **bend)]), pair),
    ]  # fmt: skip


def compare(
    name: str, one: Callable[[Any], Any], other_name: str, other: Callable[[Any], Any], data: Any
) -> dict[str, Any]:
    turns = TURNS if len(data) == 1 else TURNS // 4
    for step in (one, other):
        step.set_random_state(seed=0)  # type: ignore[attr-defined]
    pairs = []
    for turn in range(turns + 5):
        # Each goes first as often as the other, so that neither finds the warmer cache.
        order = (one, other) if turn % 2 else (other, one)
        took = {}
        for step in order:
            start = time.perf_counter()
            step(dict(data))
            took[id(step)] = (time.perf_counter() - start) * 1000
        if turn >= 5:
            pairs.append((took[id(one)], took[id(other)]))
    return {
        "ours": name,
        "ms": statistics.median(a for a, _ in pairs),
        "monai": other_name,
        "monai_ms": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


if __name__ == "__main__":
    sys.exit(main())
