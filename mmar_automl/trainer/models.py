"""Models that a config names by a file: `ts_path` for TorchScript, `ckpt_path` for weights."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmar_automl.errors import ConfigProblems
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.source import JsonSource, UnreadableJson, read_json
from mmar_automl.trainer.checkpoint import UnfitCheckpoint, load_weights, read_checkpoint


def from_torchscript(file: str, device: str) -> Any:
    """The network of a TorchScript file. Raises `UnfitCheckpoint`."""
    import torch

    try:
        return torch.jit.load(file, map_location=device)
    except (RuntimeError, ValueError, OSError) as error:
        last = str(error).strip().splitlines()[-1]
        raise UnfitCheckpoint(f"{file} cannot be read as TorchScript: {last}") from None


def from_checkpoint(file: str, device: str, root: str, trusted: bool = False) -> Any:
    """The network that a checkpoint's own training config describes, with its weights.

    Where the checkpoint has no config, the MMAR's `config/config_train.json` is asked, as
    MONAI's `load_from_mmar` does. Raises `UnfitCheckpoint`.
    """
    content = read_checkpoint(Path(file), device, trusted=trusted)
    conf = content.get("train_conf") if isinstance(content, dict) else None
    layout = MmarLayout(Path(root))
    described = _network(conf)
    if described is None:
        try:
            conf = read_json(layout.train_config).data
        except (OSError, UnreadableJson):
            conf = None
        described = _network(conf)
    if described is None:
        raise UnfitCheckpoint(f"{file}: neither it nor {layout.train_config} describes a network")
    model = build_network(described, conf, layout.custom, file)
    load_weights(model, Path(file), device, trusted=trusted)
    return model.to(device)


def build_network(
    described: Any, conf: Any, folders: Sequence[Path], file: str, device: str = "cpu"
) -> Any:
    """The network of a `model` section of Clara's; raises `ConfigProblems`."""
    from mmar_automl.trainer.build import build
    from mmar_automl.trainer.translate import translate

    known = {k: v for k, v in (conf or {}).items() if isinstance(v, (str, int, float, bool))}
    source = JsonSource(Path(file), {"train": {"model": described}}, {})
    there = [folder for folder in folders if folder.is_dir()]
    translation = translate(source, known, device=device, folders=there)
    if any(problem.severity == "error" for problem in translation.problems):
        raise ConfigProblems(translation.problems)
    return build(translation, ("train::model",))["train::model"]


def _network(conf: Any) -> Any:
    """The nearest `model` in a config, searched level by level."""
    ahead = deque([conf])
    while ahead:
        node = ahead.popleft()
        if isinstance(node, Mapping):
            if "model" in node and isinstance(node["model"], (dict, list)):
                return node["model"]
            ahead.extend(node.values())
    return None
