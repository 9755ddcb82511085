"""Clara's `medl`."""
