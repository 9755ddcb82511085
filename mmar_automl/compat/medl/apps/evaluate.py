"""Clara's `medl.apps.evaluate`: validation or inference, which is `mmar-automl evaluate`."""

from mmar_automl.compat.entry import evaluate as main

__all__ = ["main"]

if __name__ == "__main__":
    main(__spec__.name)
