"""`python -m mmar_automl` is the same program as `mmar-automl`."""

from mmar_automl.cli import main

if __name__ == "__main__":
    main()
