# The developer's commands; `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
N ?= 1000000
FAULTS ?= 1000
SEED ?= 1
# Real files for importers and tests: what needs them is left out where they are not.
LIAISON_REAL_DATA ?= $(abspath $(wildcard ../shared/data))
UN_LIST ?= $(wildcard $(LIAISON_REAL_DATA)/un/UN_consolidated.xml)
export LIAISON_REAL_DATA

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock clean soak fuzz bench

help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the environment (.venv) from the lock, every file checked by its hash

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: setup ## bring everything up, publish a simulated world (and UN_LIST), show and verify it
	$(BIN)/liaison demo $(if $(UN_LIST),--un-list $(UN_LIST))

test: setup ## run every test, side by side in four processes (they wait more than they work)
	$(BIN)/python -m pytest --numprocesses 4 --dist loadscope --no-loadscope-reorder

soak: setup ## FAULTS=1000 faults while traffic runs, then the verifier; soak.json is the report
	$(BIN)/python -m tests.faults --faults $(FAULTS) --seed $(SEED) --report soak.json

fuzz: setup ## feed N hostile inputs (default 1000000) and report as JSON; SEED chooses which
	@$(BIN)/python -m tests.fuzz --count $(N) --seed $(SEED) --json

bench: setup ## every speed beside its baseline, as a table
	$(BIN)/python -m tests.bench

lint: setup ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## pin all dependencies anew, with hashes and without index addresses
	$(BIN)/pip-compile --extra dev --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

clean: ## remove the environment and what tests and the demo left
	rm -rf $(VENV) .liaison .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
