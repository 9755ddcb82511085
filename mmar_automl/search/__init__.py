"""What is searchable, and what a choice does to the config."""

from mmar_automl.search.apply import apply
from mmar_automl.search.parse import parse

__all__ = ["apply", "parse"]
