"""Cut the MNI152 template inside the nilearn package into eight small segmentation subjects.

    python3 prepare_dataset.py MMAR_ROOT [--force]

Writes `data/images/*.nii.gz`, `data/labels/*.nii.gz` and `data/dataset.json` under the MMAR.
Labels: 0 background, 1 grey matter, 2 white matter. Nothing is downloaded, and nothing happens
where the data are there already.

The template is left-right symmetric, so the second hemisphere would be the first one again and
would leak the training data into the validation: only one hemisphere is used. It is cut into
4 (front to back) x 2 (bottom to top) blocks of 40 x 24 x 40 voxels of 2 mm.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TextIO

TEMPLATE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
PARTS = ("t1", "gm", "wm")
BLOCK = (40, 24, 40)
BLOCKS_Y, BLOCKS_Z = 4, 2
# The corner of the left hemisphere's bounding box, in voxels of 2 mm; x ends at the midline.
CORNER = (9, 11, 0)
VALIDATION = (2, 5)
MATTER_FROM = 0.4
VERSION = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="the MMAR whose data/ is to be written")
    parser.add_argument("--force", action="store_true", help="write the data again")
    arguments = parser.parse_args()
    data = arguments.root / "data"
    if not arguments.force and is_complete(data):
        say(f"The sample data are there already: {data}")
        return 0
    templates = find_templates()
    if templates is None:
        say(
            "The sample's data come from the MNI152 template inside the nilearn package, which is "
            f"not installed in {sys.prefix}.\n"
            "Install it with: pip install 'mmar-automl[sample]' (or: pip install nilearn)",
            sys.stderr,
        )
        return 2
    try:
        write(data, templates)
    except OSError as error:
        say(f"The sample data cannot be written: {error}", sys.stderr)
        return 4
    say(f"Wrote {BLOCKS_Y * BLOCKS_Z} subjects to {data}")
    return 0


def say(text: str, stream: TextIO = sys.stdout) -> None:
    stream.write(f"{text}\n")


def find_templates() -> Path | None:
    """The folder of the template inside nilearn, found without importing it."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "datasets" / "data"
    return folder if all((folder / TEMPLATE.format(k)).is_file() for k in PARTS) else None


def is_complete(data: Path) -> bool:
    """Whether `data` holds what this version of the script writes, every file of it."""
    try:
        listing = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
        files = [
            item[key]
            for part in ("training", "validation")
            for item in listing[part]
            for key in ("image", "label")
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return listing.get("version") == VERSION and all((data / file).is_file() for file in files)


def write(data: Path, templates: Path) -> None:
    """Write everything beside and move it into place, so that a broken-off run leaves nothing."""
    import nibabel
    import numpy as np

    def two_millimetres(part: str) -> np.ndarray:
        volume = np.asarray(nibabel.load(templates / TEMPLATE.format(part)).dataobj)
        even = volume[tuple(slice(0, size // 2 * 2) for size in volume.shape)].astype(np.float32)
        x, y, z = (size // 2 for size in even.shape)
        return even.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5))

    affine = nibabel.load(templates / TEMPLATE.format("t1")).affine
    image, grey, white = (two_millimetres(part) for part in PARTS)
    grey, white = grey / 255, white / 255
    label = np.zeros(image.shape, dtype=np.uint8)
    label[(grey >= MATTER_FROM) & (grey >= white)] = 1
    label[(white >= MATTER_FROM) & (white > grey)] = 2

    data.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=data.parent, prefix=".data-"))
    try:
        (beside / "images").mkdir()
        (beside / "labels").mkdir()
        listing: dict[str, list[dict[str, str]]] = {"training": [], "validation": []}
        for number in range(BLOCKS_Y * BLOCKS_Z):
            steps = (0, number // BLOCKS_Z, number % BLOCKS_Z)
            corner = [CORNER[i] + steps[i] * BLOCK[i] for i in range(3)]
            block = tuple(slice(corner[i], corner[i] + BLOCK[i]) for i in range(3))
            place = affine @ np.diag([2, 2, 2, 1])
            # A voxel of 2 mm has its middle half a millimetre beyond its first voxel's middle.
            place[:3, 3] = (affine @ [*(2 * c + 0.5 for c in corner), 1])[:3]
            item = {}
            for kind, volume in (("image", np.rint(image).astype(np.uint8)), ("label", label)):
                item[kind] = f"{kind}s/block_{number}.nii.gz"
                nibabel.save(nibabel.Nifti1Image(volume[block], place), beside / item[kind])
            listing["validation" if number in VALIDATION else "training"].append(item)
        text = json.dumps(
            {
                "name": "MNI152 grey and white matter, one hemisphere in 8 blocks",
                "version": VERSION,
                "labels": {"0": "background", "1": "grey matter", "2": "white matter"},
                **listing,
            },
            indent=2,
        )
        (beside / "dataset.json").write_text(text + "\n", encoding="utf-8")
        os.chmod(beside, 0o755)
        if data.exists():
            shutil.rmtree(data)
        os.replace(beside, data)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
