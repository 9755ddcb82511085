"""Write a synthetic data set: a bright ball in noise is the organ, bright boxes are not.

    python3 commands/make_synthetic_data.py [--out DIR] [--training 8] [--validation 4] [--seed 0]

Made up, and only there so that the MMAR trains before you have put your own data in. Writes
`images/*.nii.gz`, `labels/*.nii.gz` (0 background, 1 ball) and `dataset.json`, by default to the
MMAR's `data/`. The same seed gives the same volumes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nibabel
import numpy as np

SIZE = 32
NOISE = 0.5
BOXES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "data")
    parser.add_argument("--training", type=int, default=8, help="number of cases")
    parser.add_argument("--validation", type=int, default=4, help="number of cases")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = np.random.default_rng(asked.seed)
    for folder in ("images", "labels"):
        (asked.out / folder).mkdir(parents=True, exist_ok=True)
    listing: dict[str, list[dict[str, str]]] = {"training": [], "validation": []}
    for part, number in (("training", asked.training), ("validation", asked.validation)):
        for index in range(number):
            volumes = dict(zip(("image", "label"), one_case(chance), strict=True))
            case = {}
            for kind, volume in volumes.items():
                case[kind] = f"{kind}s/synthetic_{part}_{index}.nii.gz"
                nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), asked.out / case[kind])
            listing[part].append(case)
    names = {"name": "SYNTHETIC: balls and boxes in noise", "labels": {"0": "rest", "1": "ball"}}
    text = json.dumps({**names, **listing}, indent=2)
    (asked.out / "dataset.json").write_text(text + "\n", encoding="utf-8")


def one_case(chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image and its label: one ball, and boxes of the same brightness that do not count."""
    place = np.indices((SIZE,) * 3)
    radius = chance.uniform(5, 8)
    centre = chance.uniform(radius, SIZE - radius, 3)
    ball = ((place - centre.reshape(3, 1, 1, 1)) ** 2).sum(axis=0) <= radius**2
    image = ball.astype(np.float32)
    for _ in range(BOXES):
        size = chance.integers(4, 9, 3)
        corner = [int(chance.integers(0, SIZE - edge)) for edge in size]
        image[tuple(slice(c, c + edge) for c, edge in zip(corner, size, strict=True))] = 1
    image += NOISE * chance.standard_normal(image.shape, dtype=np.float32)
    return image, ball.astype(np.uint8)


if __name__ == "__main__":
    main()
