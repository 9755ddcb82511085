"""What is wrong with an MMAR's files, all at once: schemas, scripts, the data list.

The search sections are checked by `search`, the components of config_automl.json by `app`.
"""

from __future__ import annotations

from mmar_automl.errors import Problem
from mmar_automl.mmar.datalist import check_data_list
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.schema import check_schema
from mmar_automl.mmar.scripts import check_quotes, check_scripts, trains_with_ours


def check_files(mmar: Mmar, *, data: bool = True, scripts: bool = True) -> list[Problem]:
    """Every problem of the files of an MMAR, its search sections apart.

    A file that could not be read has been told of by whoever read it. Without `scripts` jobs are
    run by something else than the round script, and `train` and `validate` are its business.
    """
    ours = scripts and trains_with_ours(mmar.layout)
    problems: list[Problem] = []
    for source, name in (
        (mmar.train_config, "config_train"),
        (mmar.automl_config, "config_automl"),
        (mmar.environment, "environment"),
    ):
        problems += source.problems
        # Another program reads a training config of its own making.
        if source.readable and (ours or name != "config_train"):
            problems += check_schema(source, name)
    if scripts:
        problems += check_scripts(mmar.layout)
        problems += check_quotes(mmar.layout)
    if ours and data and mmar.train_config.readable and mmar.environment.readable:
        problems += check_data_list(mmar)
    return problems
