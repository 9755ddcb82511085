"""How much memory the cached cases of a dataset will take, told from the volumes' headers."""

from __future__ import annotations

import gzip
import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmar_automl.trainer.expressions import plain

_HEADER = 352
_BYTES = 4
"""Transforms hand on float32, whatever is in the file."""


def total_memory() -> int:
    """The bytes of main memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cached_bytes(sections: Mapping[str, Any]) -> int:
    """What a translated `train` or `validate` section keeps in memory; 0 where it can't be told.

    The first case stands for all. Resampling is counted, cropping and padding are not.
    """
    dataset = sections.get("dataset")
    if not isinstance(dataset, dict):
        return 0
    kind = str(dataset.get("_target_", "")).rpartition(".")[2]
    listing = dataset.get("data")
    if kind not in ("CacheDataset", "SmartCacheDataset") or not isinstance(listing, dict):
        return 0
    try:
        file = Path(str(plain(listing["data_list_file_path"])))
        cases = json.loads(file.read_text(encoding="utf-8-sig"))[listing["data_list_key"]]
        number = min(
            len(cases),
            int(dataset.get("cache_num", len(cases))),
            math.ceil(len(cases) * float(dataset.get("cache_rate", 1.0))),
        )
        case = cases[0] if isinstance(cases[0], dict) else {"image": cases[0]}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return 0
    base = plain(listing.get("base_dir"))
    root = Path(str(base)) if base else file.parent
    spacing = _spacing(sections.get("pre_transforms"))
    files = [case.get(key) for key in ("image", "label")]
    paths = [each for f in files for each in (f if isinstance(f, list) else [f])]
    voxels = sum(_voxels(root / path, spacing) for path in paths if isinstance(path, str))
    return number * voxels * _BYTES


def _spacing(chain: Any) -> list[float] | None:
    """The voxel size that the transforms bring every volume to."""
    for item in (chain or {}).get("transforms", []) if isinstance(chain, dict) else []:
        name = str(item.get("_target_", "")) if isinstance(item, dict) else ""
        if name.rpartition(".")[2] in ("Spacingd", "SpacingD", "SpacingDict"):
            wanted = item.get("pixdim")
            if isinstance(wanted, list) and all(isinstance(n, (int, float)) for n in wanted):
                return [float(n) for n in wanted]
    return None


def _voxels(file: Path, spacing: list[float] | None) -> int:
    """The voxels of a NIfTI volume after resampling; 0 for any other file."""
    try:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
            header = stream.read(_HEADER)
        order = "<" if struct.unpack_from("<i", header, 0)[0] == 348 else ">"
        if struct.unpack_from(f"{order}i", header, 0)[0] != 348:
            return 0
        shape = struct.unpack_from(f"{order}8h", header, 40)
        sizes = struct.unpack_from(f"{order}8f", header, 76)
    except (OSError, EOFError, struct.error):
        return 0
    axes = [max(1, n) for n in shape[1 : 1 + max(0, min(7, shape[0]))]]
    for axis, wanted in enumerate((spacing or [])[: min(3, len(axes))]):
        if wanted > 0 and sizes[1 + axis] > 0:
            axes[axis] = math.ceil(axes[axis] * sizes[1 + axis] / wanted)
    return math.prod(axes)
