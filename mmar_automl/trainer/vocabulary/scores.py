"""Which metrics a 3.x config has, and what its aux_ops compute for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmar_automl.errors import JsonPath
from mmar_automl.trainer.scopes import is_component
from mmar_automl.trainer.vocabulary.conversion import Conversion
from mmar_automl.trainer.vocabulary.entry import Made
from mmar_automl.trainer.vocabulary.facts import is_disabled
from mmar_automl.trainer.vocabulary.scoring import Source


def fields(c: Conversion, train: Mapping[str, Any]) -> dict[str, Source]:
    """What the aux_ops compute, by the name of the field."""
    found: dict[str, Source] = {}
    for index, body in enumerate(c.listed(train, "train", "aux_ops")):
        path: JsonPath = ("train", "aux_ops", index)
        if is_component(body) and not is_disabled(body, c.known):
            found |= c.components.make(body, path, "aux_op", None) or {}
            c.change(path, str(body.get("name")), "train.key_metric",
                        c.components.differs(body))  # fmt: skip
    return found


def metrics(
    c: Conversion, validate: Mapping[str, Any], fields: Mapping[str, Source]
) -> list[tuple[Source, Made, JsonPath]]:
    """The metrics of the validation, the key metric first."""
    found = []
    broken = False
    for index, body in enumerate(c.listed(validate, "validate", "metrics")):
        path: JsonPath = ("validate", "metrics", index)
        if not is_component(body) or is_disabled(body, c.known):
            continue
        made = c.components.make(body, path, "metric", None)
        if not made:
            broken = True
            continue
        source = made["field"]
        if isinstance(source, str):
            source = fields.get(source)
        if source is None:
            broken = True
            hint = f"there are {', '.join(fields)}" if fields else "train.aux_ops gives none"
            c.findings.wrong((*path, "args", "field"), "no aux_op computes this field",
                                made["field"], hint)  # fmt: skip
            continue
        found.append((source, made, path))
    keys = [made for _, made, _ in found if made["key"]]
    one = len(keys) == 1 or (not keys and len(found) == 1)
    # What is wrong with one of them may be all that is wrong.
    if not one and not broken:
        c.findings.wrong(("validate", "metrics"),
                            f"{len(keys)} of its metrics are the key metric; one must be",
                            hint='give one "is_key_metric": true')  # fmt: skip
    return sorted(found, key=lambda item: not item[1]["key"])
