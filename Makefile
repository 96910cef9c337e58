# Nothing but Python 3.11 or newer and make is needed. Everything is installed into .venv, nothing elsewhere.
# PYTHON=python3.12 chooses the interpreter; UPGRADE=--upgrade lets `make lock` take newer versions.

PYTHON ?=
UPGRADE ?=
WORKERS ?= 2
FILES ?=
BIN := .venv/bin
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test check lint bench lock clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: .venv/run.stamp  ## see it work: install, then decide, evaluate and report a real campaign (about a minute)
	@$(BIN)/nextbest demo

test: .venv/dev.stamp  ## install what the tests need and run all of them (a few minutes)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: lint test  ## what a change must pass: style, types, import direction, then the tests

lint: .venv/dev.stamp  ## style, types and import direction only (seconds)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict
	@$(BIN)/lint-imports

bench: .venv/bench.stamp  ## measure what is claimed, one JSON line each (FILES="a.csv.gz ..." adds the bake-offs)
	@for name in hillstrom log core serve stored kills killed_batches batch budgets violations validity coverage learning vw_export rare false_alarms ope_speed ope_digits; do $(BIN)/python -m benchmarks.$$name --json || exit 1; done
	@for name in $(if $(FILES),bakeoff drift ope_classification); do \
	  $(BIN)/python -m benchmarks.$$name $(FILES) --json || exit 1; \
	done

lock: .venv/dev.stamp  ## pin the ranges of pyproject.toml anew (UPGRADE=--upgrade: to the newest versions)
	@BIN=$(BIN) sh tools/lock $(UPGRADE)

clean:  ## remove .venv and everything the tools left behind
	rm -rf .venv dist build nextbest-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written only after its install succeeded, so an interrupted one is simply done again.
.venv/base.stamp: requirements-build.txt tools/install
	@PYTHON="$(PYTHON)" sh tools/install base

.venv/run.stamp: .venv/base.stamp requirements.txt pyproject.toml
	@sh tools/install run

.venv/dev.stamp: .venv/run.stamp requirements-dev.txt
	@sh tools/install dev

.venv/bench.stamp: .venv/dev.stamp requirements-bench.txt
	@sh tools/install bench
