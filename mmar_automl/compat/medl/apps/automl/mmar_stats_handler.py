"""Clara's `medl.apps.automl.mmar_stats_handler`."""

from mmar_automl.handlers.mmar_stats import MMARStatsHandler

__all__ = ["MMARStatsHandler"]
