"""Clara's `medl.apps.export`: TorchScript, which is `mmar-automl export`."""

from mmar_automl.compat.entry import export as main

__all__ = ["main"]

if __name__ == "__main__":
    main(__spec__.name)
