"""What Clara 3.x had and MONAI has not: small transforms, schedulers, networks, metrics.

A converted config names them by `path`, as it would a user's own. They import torch and MONAI, and
nothing of ours: a converted MMAR needs no more of this package than these files.
"""
