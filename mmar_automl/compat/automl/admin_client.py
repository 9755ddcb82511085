"""Clara's `automl.admin_client`: the same console as `dlmed.hci.tools.admin`."""

from mmar_automl.compat.entry import admin as main

__all__ = ["main"]

if __name__ == "__main__":
    main(__spec__.name)
