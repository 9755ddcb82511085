"""Clara's `automl.workflows.test_engine`."""

from mmar_automl.controllers.self_test import TestController

__all__ = ["TestController"]
