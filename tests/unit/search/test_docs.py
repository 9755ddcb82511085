"""docs/search-space.md: its examples mean what its text says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mmar_automl.mmar.schema import schema
from mmar_automl.search.count import count
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import parse, read_space

PAGE = (Path(__file__).parents[3] / "docs" / "search-space.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_is_right(example: Any) -> None:
    """It has a space and no errors; only the page's odd forms have warnings."""
    findings = Findings()
    space = read_space(example, findings)
    assert len(space) > 0
    assert findings.errors == 0
    if "lr_search" not in example:
        jsonschema.Draft202012Validator(schema("config_train")).validate(example)
        assert findings.problems == []
    else:
        assert len(findings.problems) == 4
        assert all("canonical form" in problem.hint for problem in findings.problems)


def test_the_counted_example() -> None:
    """The page says 4."""
    (example,) = (example for example in EXAMPLES if "pooling" in example)
    assert count(parse(example)) == 4


def test_the_keys_of_the_page() -> None:
    """The keys that it prints are those of its examples."""
    keys = {parameter.key for example in EXAMPLES for parameter in parse(example)}
    assert "lr.float$0:learning_rate" in keys
    assert "net.enum.train.model$0:channels/strides" in keys


def test_every_key_of_an_entry_is_described() -> None:
    """The table names each key that the schema knows."""
    for key in schema("config_train")["$defs"]["entry"]["properties"]:
        assert f"| `{key}` |" in PAGE
