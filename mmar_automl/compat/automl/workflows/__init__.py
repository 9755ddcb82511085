"""Clara's `automl.workflows`."""
