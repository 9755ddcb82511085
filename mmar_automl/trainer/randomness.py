"""Every source of chance in a training: read them all, set them all.

The global generators of torch, numpy and Python are three of them; each random transform has
one of its own, which goes on from epoch to epoch where the data are loaded in this process.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

_DEPTH = 12


def capture(roots: Iterable[Any]) -> dict[str, Any]:
    """The state of chance, of plain values and tensors only; `roots` hold the transforms."""
    import numpy as np
    import torch

    version, words, gauss = random.getstate()
    return {
        "python": [version, list(words), gauss],
        "numpy": _numpy_state(np.random),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "own": [_state(source) for source in _sources(roots)],
    }


def restore(state: dict[str, Any], roots: Iterable[Any]) -> bool:
    """Set the state of chance; False if the transforms are others than when it was read."""
    import numpy as np
    import torch

    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(_numpy_words(state["numpy"]))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    sources = list(_sources(roots))
    for source, own in zip(sources, state["own"], strict=False):
        _set(source, own)
    return len(sources) == len(state["own"])


def _sources(roots: Iterable[Any]) -> Iterator[Any]:
    """Every generator that a transform, a dataset or a loader holds, in a fixed order."""
    import numpy as np
    import torch

    kinds = (np.random.RandomState, np.random.Generator, torch.Generator)
    seen: set[int] = set()
    ahead = [(root, 0) for root in reversed(list(roots))]
    while ahead:
        node, depth = ahead.pop()
        if id(node) in seen or depth > _DEPTH:
            continue
        if isinstance(node, kinds):
            seen.add(id(node))
            yield node
            continue
        parts = _parts(node)
        if parts:
            seen.add(id(node))
            ahead += [(part, depth + 1) for part in reversed(parts)]


def _parts(node: Any) -> list[Any]:
    """Where to look further: containers of transforms, and objects that are about data."""
    from monai.transforms import Transform
    from torch.utils.data import DataLoader, Dataset, Sampler

    if isinstance(node, dict):
        return list(node.values())
    if isinstance(node, (list, tuple)):
        return list(node)
    if isinstance(node, DataLoader):
        return [node.dataset, node.sampler, node.generator]
    if isinstance(node, Dataset):
        # Its cases and its cache are data, however long; chance is in its transforms.
        return [
            value
            for value in vars(node).values()
            if isinstance(value, (Transform, Dataset)) or hasattr(value, "set_random_state")
        ]
    if isinstance(node, (Transform, Sampler)) or hasattr(node, "set_random_state"):
        return list(vars(node).values())
    return []


def _state(source: Any) -> Any:
    import numpy as np

    if isinstance(source, np.random.RandomState):
        return _numpy_state(source)
    if isinstance(source, np.random.Generator):
        return repr(source.bit_generator.state)
    return source.get_state()


def _set(source: Any, state: Any) -> None:
    import ast

    import numpy as np

    if isinstance(source, np.random.RandomState):
        source.set_state(_numpy_words(state))
    elif isinstance(source, np.random.Generator):
        source.bit_generator.state = ast.literal_eval(state)
    else:
        source.set_state(state)


def _numpy_state(source: Any) -> list[Any]:
    import torch

    name, words, position, has_gauss, gauss = source.get_state()
    # As a tensor, since a checkpoint that is read without running code may hold no numpy.
    return [name, torch.tensor(words.astype("int64")), int(position), int(has_gauss), float(gauss)]


def _numpy_words(state: list[Any]) -> tuple[Any, ...]:
    name, words, position, has_gauss, gauss = state
    return (name, words.numpy().astype("uint32"), position, has_gauss, gauss)
