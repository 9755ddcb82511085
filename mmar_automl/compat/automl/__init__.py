"""Clara's `automl`: the nouns, the classes to subclass, the engine."""
