# What there is to do here; each command sets up .venv first where it is missing or out of date.
PYTHON ?= python3
EXPERIMENT ?= experiments/quickstart.yaml
BIN := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs bench clean

help: ## list what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): setup.cfg pyproject.toml constraints.txt
	@echo "setting up .venv; the first time takes some minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

run: $(READY) ## train an experiment: make run EXPERIMENT=experiments/quickstart.yaml
	$(BIN)/mabe-run $(EXPERIMENT)

lint: $(READY) ## formatting, lint, the floors of the house, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test: lint ## lint and all tests
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto --dist loadfile

format: $(READY) ## format the code and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the generated parts of the docs anew
	$(BIN)/python -m docs.generate

bench: $(READY) ## measure what the README tells (minutes; see benchmarks/README.md)
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.synthetic_difficulty --skip-v3

clean: ## remove .venv and caches; runs and data stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
