"""The components that a config may name, by the way to import them: extras stay lazy."""

from __future__ import annotations

import importlib
from typing import Any

BUILTINS: dict[str, dict[str, str]] = {
    "controller": {
        "AutoController": "mmar_automl.controllers.auto:AutoController",
        "GridController": "mmar_automl.controllers.grid:GridController",
        "CmaEsController": "mmar_automl.controllers.cmaes:CmaEsController",
        "RandomController": "mmar_automl.controllers.random:RandomController",
        "ReinforcementController": "mmar_automl.controllers.reinforcement:ReinforcementController",
        "SobolController": "mmar_automl.controllers.sobol:SobolController",
        "TPEController": "mmar_automl.controllers.tpe:TPEController",
        "BayesianController": "mmar_automl.controllers.bayesian:BayesianController",
    },
    "executor": {
        "MMARExecutor": "mmar_automl.executors.mmar:MMARExecutor",
    },
    "handlers": {
        "MMARHandler": "mmar_automl.handlers.retention:MMARHandler",
        "StatsHandler": "mmar_automl.handlers.stats:StatsHandler",
        "MMARStatsHandler": "mmar_automl.handlers.mmar_stats:MMARStatsHandler",
        "MMARTensorboardHandler": "mmar_automl.handlers.tensorboard:MMARTensorboardHandler",
    },
    "pruner": {
        "AshaPruner": "mmar_automl.pruners.asha:AshaPruner",
        "HyperbandPruner": "mmar_automl.pruners.hyperband:HyperbandPruner",
        "MedianPruner": "mmar_automl.pruners.median:MedianPruner",
    },
    "scheduler": {
        "FifoScheduler": "mmar_automl.engine.scheduler:FifoScheduler",
    },
}


def resolve(kind: str, name: str) -> type[Any]:
    """The class of a built-in component; raises `KeyError` for an unknown name."""
    module, _, attribute = BUILTINS[kind][name].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), attribute)
    return found
