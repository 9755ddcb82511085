"""The nouns. They depend on nothing and do no I/O."""

from mmar_automl.defs.context import Context, ContextKey
from mmar_automl.defs.job import MOVES, FailureClass, JobState, RunState
from mmar_automl.defs.recommendation import NO_SCORE, Outcome, Recommendation, Status, finite
from mmar_automl.defs.space import (
    Arg,
    Choices,
    Domain,
    FloatRange,
    IntRange,
    Json,
    Parameter,
    SearchResult,
    SearchSpace,
    Value,
)

__all__ = [
    "MOVES",
    "NO_SCORE",
    "Arg",
    "Choices",
    "Context",
    "ContextKey",
    "Domain",
    "FailureClass",
    "FloatRange",
    "IntRange",
    "JobState",
    "Json",
    "Outcome",
    "Parameter",
    "Recommendation",
    "RunState",
    "SearchResult",
    "SearchSpace",
    "Status",
    "Value",
    "finite",
]
