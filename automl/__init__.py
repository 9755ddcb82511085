"""Clara's `automl`. Its modules are in `mmar_automl/compat/automl`: code written for Clara Train
imports them by this name, and its scripts run them."""

from pathlib import Path

import mmar_automl.compat

__path__ = [str(Path(path, "automl")) for path in mmar_automl.compat.__path__]
