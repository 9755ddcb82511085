"""Clara's `medl.apps.automl`: AutoML over MMARs."""

from mmar_automl.defs import MMARPropKey
from mmar_automl.executors.base_mmar import BaseMMARExecutor
from mmar_automl.executors.mmar import MMARExecutor
from mmar_automl.handlers.mmar_stats import MMARStatsHandler
from mmar_automl.handlers.retention import MMARHandler

__all__ = [
    "BaseMMARExecutor",
    "MMARExecutor",
    "MMARHandler",
    "MMARPropKey",
    "MMARStatsHandler",
]
