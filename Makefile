# The one entry: `make` lists what there is. Everything runs in .venv, which `setup` makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DATA := sample_mmar/data/dataset.json
# Two workers on CPU; on a machine with GPUs, one for each of them.
WORKERS ?= $(if $(shell command -v nvidia-smi),,--workers cpu:cpu)

.DEFAULT_GOAL := help
.PHONY: help demo setup format lint test test-slow bench docs check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: setup ## search the sample MMAR and print the report
	$(BIN)/mmar-automl run sample_mmar $(WORKERS)

setup: $(INSTALLED) $(DATA) ## make .venv, install, prepare the sample's data

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[sample,dev]'
	touch $@

$(DATA): $(INSTALLED) sample_mmar/commands/prepare_dataset.py
	MMAR_AUTOML_PYTHON=$(abspath $(BIN)/python) sample_mmar/commands/prepare_dataset.sh
	@touch $@

format: $(INSTALLED) ## let ruff format and mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(INSTALLED) ## style, types, and the contracts between the packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## the tests: minutes
	$(BIN)/python -m pytest -m 'not slow'

test-slow: setup ## the tests that take long
	$(BIN)/python -m pytest -m slow

bench: setup ## measure, side by side with the peers
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: setup ## check that what the documentation says holds
	$(BIN)/python -m pytest tests/docs

check: lint test ## what must be clean before a commit

clean: ## forget the sample's searches and all caches
	rm -rf sample_mmar/automl sample_mmar/eval .pytest_cache .mypy_cache .ruff_cache .hypothesis
