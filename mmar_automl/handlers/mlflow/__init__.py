"""The only door to MLflow. Importing this loads neither MLflow nor anything heavy."""

from mmar_automl.handlers.mlflow.handler import MlflowHandler
from mmar_automl.handlers.mlflow.ledger import told_of
from mmar_automl.handlers.mlflow.store import check_tracking_uri, relocate_store, ui_command
from mmar_automl.handlers.mlflow.sync import is_recorded, send
from mmar_automl.handlers.mlflow.unrecorded import Unrecorded

__all__ = [
    "MlflowHandler",
    "Unrecorded",
    "check_tracking_uri",
    "is_recorded",
    "relocate_store",
    "send",
    "told_of",
    "ui_command",
]
