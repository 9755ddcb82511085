"""Clara's `automl.components.handlers`."""

from mmar_automl.handlers.tensorboard import MMARTensorboardHandler

__all__ = ["MMARTensorboardHandler"]
