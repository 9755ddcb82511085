"""Clara's `medl.apps.automl.train`: a search, which is `mmar-automl run`."""

from mmar_automl.compat.entry import search as main

__all__ = ["main"]

if __name__ == "__main__":
    main(__spec__.name)
