"""Clara's `medl.apps`."""
