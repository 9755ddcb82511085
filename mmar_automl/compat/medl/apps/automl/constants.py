"""Clara's `medl.apps.automl.constants`."""

from mmar_automl.defs import MMARPropKey

__all__ = ["MMARPropKey"]
