"""Clara's `dlmed.hci.tools.admin`: the admin console, which is `mmar-automl admin`."""

from mmar_automl.compat.entry import admin as main

__all__ = ["main"]

if __name__ == "__main__":
    main(__spec__.name)
