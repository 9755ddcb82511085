"""The nouns. They depend on nothing and do no I/O."""

from mmar_automl.defs.conditions import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    Condition,
    Evaluation,
    Is,
    all_of,
    any_of,
    keys_of,
    settle,
)
from mmar_automl.defs.context import Context, ContextKey
from mmar_automl.defs.domains import Choices, Domain, FloatRange, IntRange, Json, Value
from mmar_automl.defs.job import MOVES, FailureClass, IllegalMove, Job, JobState, RunState, best_of
from mmar_automl.defs.recommendation import (
    NO_SCORE,
    Outcome,
    Recommendation,
    RunOutcome,
    Score,
    Status,
    finite,
)
from mmar_automl.defs.space import Arg, Parameter, SearchResult, SearchSpace

__all__ = [
    "ALWAYS",
    "MOVES",
    "NEVER",
    "NO_SCORE",
    "AllOf",
    "AnyOf",
    "Arg",
    "Choices",
    "Condition",
    "Context",
    "ContextKey",
    "Domain",
    "Evaluation",
    "FailureClass",
    "FloatRange",
    "IllegalMove",
    "IntRange",
    "Is",
    "Job",
    "JobState",
    "Json",
    "Outcome",
    "Parameter",
    "Recommendation",
    "RunOutcome",
    "RunState",
    "Score",
    "SearchResult",
    "SearchSpace",
    "Status",
    "Value",
    "all_of",
    "any_of",
    "best_of",
    "finite",
    "keys_of",
    "settle",
]
