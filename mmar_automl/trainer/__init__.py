"""How a Clara config becomes a trained network.

`request` reads what is asked for; `translate` turns the config into a MONAI bundle config without
importing torch (`names`, `catalog` and `sources` know the components); `build` lets MONAI's
ConfigParser instantiate it; `run` trains, `evaluate` validates and infers, `export` writes
TorchScript. `recorder` writes the score, `resume` what a training needs to go on, `faults` says
what went wrong in the config's own words. Nothing here imports torch, monai or ignite at the top
of a module that `translate` needs.
"""
