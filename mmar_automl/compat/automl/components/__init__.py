"""Clara's `automl.components`."""
