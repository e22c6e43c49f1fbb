# Two commands: `make demo` and `make test`. Both make .venv themselves with plain pip.
# On Windows without make, see docs/installation.md for the same lines.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check bench clean

help:            ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Alebrije needs Python 3.11 or newer: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY)   ## hybrids, stylised pictures and a small network in demo/index.html
	$(BIN)/alebrije demo -o demo --force

test: $(READY)   ## the tests, without the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(READY) ## the slow tests
	$(BIN)/python -m pytest -n 2 -m slow

check: $(READY)  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(READY)  ## the speed claims, side by side; each ends in one line of JSON (compact needs vgg16, which is fetched)
	$(BIN)/alebrije weights fetch vgg16
	for file in $(filter-out benchmarks/style_% benchmarks/gan_%,$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:           ## remove what make has made (not your runs, nor demo/, where pictures of yours may lie)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
