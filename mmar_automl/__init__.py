"""mmar-automl: hyperparameter search over Medical Model ARchives (MMARs).

The folders follow the data: `mmar` reads an MMAR, `search` parses its search space,
`controllers` propose recommendations, `jobs` and `executors` turn each into a training,
`reports` say what came out. `docs/architecture.md` has the picture.
"""

__version__ = "0.1.0"
