"""One value of a parameter, drawn at random."""

from __future__ import annotations

import math
import random

from mmar_automl.defs import Choices, IntRange, Parameter, Value
from mmar_automl.search.distinct import levels


def draw(parameter: Parameter, source: random.Random) -> Value:
    """One value of a parameter, uniform on its scale, on its step if it has one."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return source.randrange(len(domain))
    if domain.step is not None:
        return source.choice(levels(parameter) or [domain.min])
    if isinstance(domain, IntRange):
        if domain.scale == "linear":
            return source.randint(domain.min, domain.max)
        low, high = math.log(domain.min - 0.5), math.log(domain.max + 0.5)
        return min(max(round(math.exp(source.uniform(low, high))), domain.min), domain.max)
    if domain.scale == "log":
        value = math.exp(source.uniform(math.log(domain.min), math.log(domain.max)))
        return min(max(value, domain.min), domain.max)
    return source.uniform(domain.min, domain.max)
