"""Clara's `automl.components.controllers.reinforcement_controller`."""

from mmar_automl.controllers.reinforcement import ReinforcementController

__all__ = ["ReinforcementController"]
