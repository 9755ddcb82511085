"""Clara's `medl.apps.automl.mmar_exec`."""

from mmar_automl.executors.mmar import MMARExecutor

__all__ = ["MMARExecutor"]
