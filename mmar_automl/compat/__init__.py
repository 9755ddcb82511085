"""Clara's import paths and entry points: why old code and old scripts still work. No logic.

The packages `automl`, `medl`, `dlmed` and `nvmidl` beside `mmar_automl` are doors: each has its
modules in here. A class is one object however it is imported, since nothing is defined here.
"""
