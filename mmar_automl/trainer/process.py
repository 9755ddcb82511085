"""What is set once for the whole training process: imports, device, determinism, warnings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from mmar_automl.trainer.distributed import ALONE, Place

log = logging.getLogger("mmar_automl.trainer")

QUIET = (
    # (message, category): said by libraries about themselves; nothing that a user could mend.
    (r".*torch\.cuda\.amp\.GradScaler.*", FutureWarning),
    (r".*GradScaler is enabled, but CUDA is not available.*", UserWarning),
    (r".*User provided device_type of 'cuda'.*", UserWarning),
    (r".*'pin_memory' argument is set as true but no accelerator.*", UserWarning),
    (r".*Detected call of `lr_scheduler\.step\(\)` before `optimizer\.step\(\)`.*", UserWarning),
    (r".*Using a non-tuple sequence for multidimensional indexing.*", UserWarning),
    (r".*torch\.jit\.(script|interface|isinstance).*", DeprecationWarning),
    (r".*pkg_resources.*", UserWarning),
    (r".*tqdm is not installed.*", UserWarning),
)


def device(known: Mapping[str, Any], place: Place = ALONE) -> str:
    """CUDA where it is visible and `use_gpu` is not false, else the CPU, said once."""
    import torch

    if known.get("multi_gpu") is True and place.world == 1:
        log.info("note: multi_gpu is on, but torchrun has not started several processes")
    if known.get("use_gpu") is not False:
        if torch.cuda.is_available():
            return f"cuda:{place.local_rank}"
        log.info("note: no GPU is visible, training on the CPU")
    return "cpu"


def seed(conf: Mapping[str, Any], known: Mapping[str, Any], place: Place = ALONE) -> None:
    """Clara's first-level switches that are set for the whole process.

    Each of several processes has a seed of its own, or all would cut the same crops; the first
    one's weights become all's in any case.
    """
    import torch
    from monai.utils import set_determinism

    determinism = conf.get("determinism")
    if isinstance(determinism, dict) and determinism.get("random_seed") is not None:
        set_determinism(seed=int(determinism["random_seed"]) + place.rank)
        if known.get("cudnn_benchmark") is True:
            log.info("note: cudnn_benchmark stays off, since determinism is asked for")
    elif "cudnn_benchmark" in known:
        torch.backends.cudnn.benchmark = bool(known["cudnn_benchmark"])
    if "tf32" in known:
        torch.backends.cuda.matmul.allow_tf32 = bool(known["tf32"])
        torch.backends.cudnn.allow_tf32 = bool(known["tf32"])


def quiet() -> None:
    """Keep to themselves what libraries say of themselves."""
    for message, category in QUIET:
        warnings.filterwarnings("ignore", message=message, category=category)
