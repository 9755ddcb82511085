"""Clara's `automl.components.handlers.stats_handler`."""

from mmar_automl.handlers.stats import StatsHandler

__all__ = ["StatsHandler"]
