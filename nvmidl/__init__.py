"""Clara's `nvmidl`. Its modules are in `mmar_automl/compat/medl`: code written for Clara Train
imports them by this name, and its scripts run them."""

from pathlib import Path

import mmar_automl.compat

__path__ = [str(Path(path, "medl")) for path in mmar_automl.compat.__path__]
