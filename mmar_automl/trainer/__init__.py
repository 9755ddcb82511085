"""How a Clara 4.x config becomes a trained network.

`translate` turns the config into a MONAI bundle config without importing torch (`names` and
`catalog` know the components); `build` lets MONAI's ConfigParser instantiate it; `run` trains.
Nothing here imports torch, monai or ignite at the top of a module that `translate` needs.
"""
