"""Spaces written down as rows, so that an expected one fits a screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mmar_automl.defs import Choices, SearchSpace
from mmar_automl.errors import Problem
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import read_space

Row = tuple[str, tuple[str, ...], Any, Any]


@pytest.fixture
def rows() -> Callable[[SearchSpace], list[Row]]:
    """(key, names, targets, default as JSON) of every parameter."""

    def read(space: SearchSpace) -> list[Row]:
        found: list[Row] = []
        for parameter in space:
            domain = parameter.domain
            targets: Any
            if isinstance(domain, Choices):
                targets = [list(option) for option in domain.options]
            else:
                targets = (domain.min, domain.max)
            default = None
            if parameter.default is not None:
                default = parameter.values(parameter.default)
            found.append((parameter.key, parameter.names, targets, default))
        return found

    return read


@pytest.fixture
def problems() -> Callable[[Mapping[str, Any]], list[Problem]]:
    """Everything that is wrong with the search sections of a config."""

    def check(config: Mapping[str, Any]) -> list[Problem]:
        findings = Findings()
        read_space(config, findings)
        return findings.problems

    return check
