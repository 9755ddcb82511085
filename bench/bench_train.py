"""What our trainer costs over a hand-written MONAI script, and how soon it takes its first step.

    python bench/bench_train.py [--epochs 16] [--rounds 8]

Both train the sample MMAR's network on its data with the same handlers and the same seed, in
turns in one process, so that whatever else the machine does falls on both. The score must come
out equal: then they do the same work. The goal is held by the quietest round of each in the
processor's time, which other programs disturb least: a ratio of 1.03 at most; and two seconds at
most to the first step.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[1] / "sample_mmar"
GOAL_RATIO = 1.03
GOAL_FIRST_STEP = 2.0

FIRST_STEP = """
import sys, time
import monai.bundle, monai.engines, monai.handlers, monai.data, monai.networks.nets, monai.losses
import monai.optimizers, monai.inferers, torch.optim
lazily = time.perf_counter()
import torch._dynamo  # what torch imports when the process makes its first optimizer
lazily = time.perf_counter() - lazily
from pathlib import Path
from monai.data import CacheDataset
from monai.engines import SupervisedTrainer
from mmar_automl.trainer.run import Request, train

caching = 0.0
fill, step = CacheDataset._fill_cache, SupervisedTrainer._iteration

def timed_fill(self, *args, **keywords):
    global caching
    begun = time.perf_counter()
    try:
        return fill(self, *args, **keywords)
    finally:
        caching += time.perf_counter() - begun

def first_step(self, engine, batch):
    made = step(self, engine, batch)
    print(time.perf_counter() - begun - caching, caching, lazily, flush=True)
    import os
    os._exit(0)

CacheDataset._fill_cache, SupervisedTrainer._iteration = timed_fill, first_step
begun = time.perf_counter()
train(Request(root=Path(sys.argv[1])))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "mmar"
        shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("automl", "models"))
        ours, theirs = [], []
        by_hand(root, 4)  # the first of all pays for what a process does once
        for number in range(arguments.rounds):
            score, seconds = by_us(root, arguments.epochs)
            expected, their_seconds = by_hand(root, arguments.epochs)
            ours.append(seconds)
            theirs.append(their_seconds)
            print(
                f"round {number + 1}: an epoch takes us {seconds[0] * 1e3:.1f} ms "
                f"({seconds[1] * 1e3:.1f} of the processor), by hand {their_seconds[0] * 1e3:.1f} "
                f"({their_seconds[1] * 1e3:.1f}); scores {score:.6f} and {expected:.6f}"
            )
            if score != expected:
                print("the two do not do the same work", file=sys.stderr)
                return 1
        ratio = min(used for _, used in ours) / min(used for _, used in theirs)
        wall = min(wall for wall, _ in ours) / min(wall for wall, _ in theirs)
        middle = statistics.median(a[1] / b[1] for a, b in zip(ours, theirs, strict=True))
        print(
            f"ratio of the quietest of {arguments.rounds} rounds each: {ratio:.3f} of the "
            f"processor's time, {wall:.3f} on the wall; median of the rounds' ratios "
            f"{middle:.3f}; goal {GOAL_RATIO}"
        )
        steps = [first_step(root) for _ in range(3)]
        soonest, caching, lazily = (statistics.median(part) for part in zip(*steps, strict=True))
        print(
            f"first step {soonest:.2f} s after the imports, goal {GOAL_FIRST_STEP:.0f}; and "
            f"{caching:.2f} s of caching data, {lazily:.2f} s of what torch imports with the first "
            "optimizer (medians of 3)"
        )
    return 0 if ratio <= GOAL_RATIO and soonest <= GOAL_FIRST_STEP else 1


class Clock:
    """Notes the time after each validation, alike for both: on the wall, and of the processor."""

    def __init__(self) -> None:
        self._times: list[tuple[int, float, float]] = []

    def __enter__(self) -> Clock:
        from monai.handlers import ValidationHandler

        call = self._call = ValidationHandler.__call__
        times = self._times

        def noted(handler: object, engine: Any) -> None:
            call(handler, engine)
            times.append((engine.state.epoch, time.perf_counter(), time.process_time()))

        ValidationHandler.__call__ = noted
        return self

    def __exit__(self, *_: object) -> None:
        from monai.handlers import ValidationHandler

        ValidationHandler.__call__ = self._call

    @property
    def epoch(self) -> tuple[float, float]:
        """The seconds of an epoch between the first validation and the last: wall, processor."""
        (first, wall, used), (last, wall_end, used_end) = self._times[0], self._times[-1]
        return (wall_end - wall) / (last - first), (used_end - used) / (last - first)


def by_us(root: Path, epochs: int) -> tuple[float, tuple[float, float]]:
    """The score, and the seconds of an epoch."""
    from mmar_automl.trainer.run import Request, train

    with Clock() as clock:
        score = train(Request(root=root, overrides={"epochs": epochs}, write_stats=True))
    assert score.value is not None
    return score.value, clock.epoch


def by_hand(root: Path, epochs: int) -> tuple[float, tuple[float, float]]:
    """The same as the sample's config, as one writes it with MONAI."""
    import torch
    from monai import data, engines, handlers, inferers, losses, transforms
    from monai.networks.nets import UNet
    from monai.utils import set_determinism

    def keys(*names: str) -> dict[str, list[str]]:
        return {"keys": list(names)}

    set_determinism(0)
    model = UNet(3, 1, 3, [8, 16, 32], [2, 2], num_res_units=1, norm="instance")
    loss = losses.DiceCELoss(include_background=True, to_onehot_y=True, softmax=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=12, gamma=0.5)
    both = keys("image", "label")

    def common() -> list[object]:
        return [
            transforms.LoadImaged(**both),
            transforms.EnsureChannelFirstd(**both),
            transforms.ScaleIntensityRanged("image", 0, 255, 0.0, 1.0, clip=True),
        ]

    crop = transforms.RandCropByPosNegLabeld(
        **both, label_key="label", spatial_size=[32, 24, 32], pos=1, neg=1, num_samples=2,
        image_key="image", image_threshold=0,
    )  # fmt: skip
    flip = transforms.RandFlipd(**both, prob=0.5, spatial_axis=1)

    def loader(part: str, chain: list[object], batch: int, shuffle: bool) -> data.DataLoader:
        cases = data.load_decathlon_datalist(
            str(root / "data/dataset.json"), data_list_key=part, base_dir=str(root / "data")
        )
        cached = data.CacheDataset(
            cases, transforms.Compose(chain), cache_rate=1.0, num_workers=0, progress=False
        )
        return data.DataLoader(cached, batch_size=batch, shuffle=shuffle, num_workers=0)

    last = transforms.EnsureTyped(**both)
    train_loader = loader("training", [*common(), crop, flip, last], 2, True)

    def post() -> transforms.Compose:
        return transforms.Compose(
            [
                transforms.Activationsd("pred", softmax=True),
                transforms.AsDiscreted(["pred", "label"], argmax=[True, False], to_onehot=3),
            ]
        )

    def dice() -> handlers.MeanDice:
        pair = handlers.from_engine(["pred", "label"])
        return handlers.MeanDice(include_background=False, output_transform=pair)

    evaluator = engines.SupervisedEvaluator(
        device="cpu",
        val_data_loader=loader("validation", [*common(), transforms.EnsureTyped(**both)], 1, False),
        network=model,
        inferer=inferers.SlidingWindowInferer([40, 24, 40], sw_batch_size=1, overlap=0.25),
        postprocessing=post(),
        key_val_metric={"val_mean_dice": dice()},
        val_handlers=[
            handlers.StatsHandler(iteration_log=False, output_transform=lambda _: None),
            handlers.CheckpointSaver(
                str(root / "models"), {"model": model}, save_key_metric=True,
                key_metric_filename="by_hand.pt",
            ),
        ],
    )  # fmt: skip
    trainer = engines.SupervisedTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=train_loader,
        network=model,
        optimizer=optimizer,
        loss_function=loss,
        inferer=inferers.SimpleInferer(),
        postprocessing=post(),
        key_train_metric={"train_mean_dice": dice()},
        train_handlers=[
            handlers.LrScheduleHandler(scheduler, print_lr=False),
            handlers.ValidationHandler(2, evaluator),
            handlers.StatsHandler(
                tag_name="train_loss", iteration_log=False,
                output_transform=handlers.from_engine(["loss"], first=True),
            ),
        ],
    )  # fmt: skip

    with Clock() as clock:
        trainer.run()
    return evaluator.state.best_metric, clock.epoch


def first_step(root: Path) -> tuple[float, ...]:
    """Seconds from the end of the imports to the first step, of caching, of torch's late import."""
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_STEP, str(root)], capture_output=True, text=True, check=True
    )
    return tuple(map(float, ran.stdout.strip().splitlines()[-1].split()))


if __name__ == "__main__":
    sys.exit(main())
