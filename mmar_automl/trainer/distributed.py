"""One training in several processes: who we are among them, and what must be done together.

`torchrun` starts the processes and tells each its rank by environment variables. The bare model
is everybody's, the checkpoints' and the evaluator's too; only the trainer steps through
DistributedDataParallel, whose forward is a meeting of all processes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("mmar_automl.trainer")


@dataclass(frozen=True)
class Place:
    """This process among those that train together."""

    rank: int = 0
    local_rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and speaks for all."""
        return self.rank == 0


ALONE = Place()


def find_place(environment: Mapping[str, str] = os.environ) -> Place:
    """Our place as torchrun says it; `ALONE` where nothing has started several of us."""
    try:
        rank, world = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        local_rank = int(environment.get("LOCAL_RANK", rank))
    except (KeyError, ValueError):
        return ALONE
    return Place(rank, local_rank, world) if world > 1 else ALONE


def join(place: Place, device: str) -> None:
    """Meet the other processes, over NCCL on GPUs and gloo on CPUs; nothing where we are alone."""
    import torch
    import torch.distributed as dist

    if place.world == 1 or dist.is_initialized():
        return
    import ignite.distributed as idist

    if device.startswith("cuda"):
        torch.cuda.set_device(place.local_rank)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    # ignite meets on its first use, which would be in a handler that only the first process has.
    idist.sync()
    log.info("%s processes train together", place.world)


def leave() -> None:
    """Part from the others, if we had met."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def share_gradients(trainer: Any, place: Place) -> None:
    """Let the trainer step as all processes together. The first one's weights become all's."""
    from torch.nn.parallel import DistributedDataParallel

    network = getattr(trainer, "network", None)
    if place.world == 1 or network is None:
        return
    on_gpu = trainer.state.device.type == "cuda"
    trainer.network = DistributedDataParallel(
        network, device_ids=[trainer.state.device] if on_gpu else None
    )


def gather(value: Any, place: Place) -> list[Any]:
    """What every process gave, in the order of their ranks. All of them must call it."""
    if place.world == 1:
        return [value]
    import torch.distributed as dist

    found: list[Any] = [None] * place.world
    dist.all_gather_object(found, value)
    return found
