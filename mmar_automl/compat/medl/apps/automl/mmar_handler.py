"""Clara's `medl.apps.automl.mmar_handler`."""

from mmar_automl.handlers.retention import MMARHandler

__all__ = ["MMARHandler"]
