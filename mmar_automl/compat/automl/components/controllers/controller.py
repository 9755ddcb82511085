"""Clara's `automl.components.controllers.controller`."""

from mmar_automl.api import Controller

__all__ = ["Controller"]
