"""Clara's `automl.workflows.engine`."""

from mmar_automl.app.library import Engine, WorkerConfig

__all__ = ["Engine", "WorkerConfig"]
