"""Clara's `automl.components.handlers.handler`."""

from mmar_automl.api import Handler

__all__ = ["Handler"]
