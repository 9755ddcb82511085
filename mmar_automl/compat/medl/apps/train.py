"""Clara's `medl.apps.train`: one training, which is `mmar-automl train`."""

from mmar_automl.compat.entry import train as main

__all__ = ["main"]

if __name__ == "__main__":
    main(__spec__.name)
