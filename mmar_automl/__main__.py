"""`python -m mmar_automl` is the same program as `mmar-automl`."""

from mmar_automl.byoc import give_way

# `-m` has put the working directory in front, which may be an MMAR with a random.py of its own.
give_way()

from mmar_automl.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
