"""Clara's `automl.workflows.admin`."""

from mmar_automl.app.library import AutomlCommandModule, start_admin

__all__ = ["AutomlCommandModule", "start_admin"]
