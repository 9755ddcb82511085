"""Clara's `medl.apps.automl`: AutoML over MMARs.

Its classes load when they are asked for: `python -m medl.apps.automl.train` passes through here
before it can see to it that an MMAR's own files shadow nothing.
"""

import importlib
from typing import Any

_CLASSES = {
    "BaseMMARExecutor": "mmar_automl.executors.base_mmar",
    "MMARExecutor": "mmar_automl.executors.mmar",
    "MMARHandler": "mmar_automl.handlers.retention",
    "MMARPropKey": "mmar_automl.defs",
    "MMARStatsHandler": "mmar_automl.handlers.mmar_stats",
}


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_CLASSES[name]), name)
