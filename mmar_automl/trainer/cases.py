"""A chain of transforms that says which case it failed on, from a loader's process, too."""

from __future__ import annotations

from typing import Any

from monai.transforms import Compose

from mmar_automl.trainer.faults import file_of


class CaseCompose(Compose):
    """MONAI's Compose. What a process of a data loader sends back is text without its variables,
    so the case's file has to be in the text."""

    def __call__(self, input_: Any, *args: Any, **keywords: Any) -> Any:
        try:
            return super().__call__(input_, *args, **keywords)
        except Exception as error:
            file = file_of(input_)
            first = error.args[0] if error.args else ""
            if file is not None and isinstance(first, str) and "[case " not in first:
                error.args = (f"{first} [case {file}]", *error.args[1:])
            raise
