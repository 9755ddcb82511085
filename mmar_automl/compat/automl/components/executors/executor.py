"""Clara's `automl.components.executors.executor`."""

from mmar_automl.api import Executor

__all__ = ["Executor"]
