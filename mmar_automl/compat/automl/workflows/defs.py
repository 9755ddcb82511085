"""Clara's `automl.workflows.defs`."""

from mmar_automl.app.library import WorkerConfig

__all__ = ["WorkerConfig"]
