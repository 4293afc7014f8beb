# Handoff. `make` alone prints this menu.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
PORT ?= 8080
PYTEST ?= $(BIN)/python -m pytest
WORKERS ?= 2
FILES ?= tests/policies
LEADS ?= 20000
PROCESSES ?= 8
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo run test unit lint format policy-test bench compiled eval-dedup chaos fire kafka kafka-stop lock clean

help: ## Print this menu
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install what is needed into .venv (the other targets do it by themselves)

$(READY): deploy/requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Handoff needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "Setting up $(VENV) (once)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements-dev.lock
	@touch $@

demo: $(READY) ## See it work: the whole system, fed with sample leads
	@$(BIN)/python -m services demo

run: $(READY) ## The same system, staying up (PORT=8080)
	@$(BIN)/python -m services run --port $(PORT)

test: $(READY) lint ## Lint, types and every test; Kafka's too where Java and Maven are (REQUIRE_KAFKA=1 insists)
	$(PYTEST) --numprocesses $(WORKERS) --dist loadgroup

unit: $(READY) ## Only the tests that need no server
	$(PYTEST) tests/unit

lint: $(READY) ## Style, types, walls
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY) ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

policy-test: $(READY) ## Play routing scenarios (FILES="…", POLICY=…): the project's own, unless you name others
	@$(BIN)/python -m services policy-test $(FILES) $(if $(POLICY),--policy $(POLICY))

bench: $(READY) ## Measure: floors, the naive pipeline, Handoff on both buses; a table and a JSON file
	$(BIN)/python -m tests.bench

compiled: $(READY) ## A copy with its hot code compiled to C: decisions take three fifths of the time (needs a C compiler): make -C .handoff/compiled run, bench or test
	@$(BIN)/python deploy/compile.py .handoff/compiled

eval-dedup: $(READY) ## Measure recognition: precision and recall on invented people, at seeds held out
	$(BIN)/python -m tests.eval.dedup

chaos: $(READY) ## Kill everything under load, on both buses, and check that nothing is lost or doubled
	$(BIN)/python -m tests.chaos

fire: $(READY) ## Many routers decide while agents come and go and processes are killed (LEADS=20000 PROCESSES=8 SEED=1)
	$(BIN)/python -m tests.chaos.routing --leads $(LEADS) --processes $(PROCESSES) --seed $(SEED)

kafka: $(READY) ## Start a real Apache Kafka on this machine (Java 17 and Maven)
	$(BIN)/python deploy/kafka/kafka.py start

kafka-stop: $(READY) ## Stop it
	$(BIN)/python deploy/kafka/kafka.py stop

lock: $(READY) ## Pin the dependencies anew, with hashes
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --allow-unsafe --output-file deploy/requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --allow-unsafe --extra dev --output-file deploy/requirements-dev.lock pyproject.toml

clean: ## Remove the environment and this machine's data (.venv, .handoff)
	rm -rf $(VENV) .handoff .mypy_cache .ruff_cache .pytest_cache .hypothesis
