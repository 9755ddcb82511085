"""Clara's `medl.apps.automl.base_mmar_exec`."""

from mmar_automl.executors.base_mmar import BaseMMARExecutor

__all__ = ["BaseMMARExecutor"]
