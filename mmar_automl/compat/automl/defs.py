"""Clara's `automl.defs`: the nouns that controllers, executors and handlers speak in."""

from mmar_automl.defs import (
    Choices,
    Context,
    ContextKey,
    FloatRange,
    IntRange,
    Outcome,
    ProcessStatus,
    Recommendation,
    SearchResult,
    SearchSpace,
    Status,
)

__all__ = [
    "Choices",
    "Context",
    "ContextKey",
    "FloatRange",
    "IntRange",
    "Outcome",
    "ProcessStatus",
    "Recommendation",
    "SearchResult",
    "SearchSpace",
    "Status",
]
