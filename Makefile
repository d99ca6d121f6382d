# Every target works from a fresh clone: it makes .venv, installs the project, and fetches what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.installed
STAMP  := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help install models demo test check lint types imports mutants bench clean

help:
	@echo "make demo    compare real photographs (sets everything up first)"
	@echo "make test    run the tests"
	@echo "make check   what CI runs: style, types, layering, tests, the built wheel"
	@echo "make mutants break the core in some 180 places, one at a time, and see that the tests notice (ten minutes)"
	@echo "make bench   speed against the floor and beside the peers; accuracy on a folder (VISAVIS_DATA=...)"
	@echo "make clean   remove what make made in this folder"

$(RUN): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("visavis needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing visavis into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(STAMP): $(RUN)
	@echo "installing the tools of development into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

install: $(STAMP)

models: $(RUN)
	@$(BIN)/visavis models fetch >/dev/null

demo: models
	@$(BIN)/python examples/demo.py

test: $(STAMP) models
	@$(BIN)/python -m pytest -q

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

imports: $(STAMP)
	@$(BIN)/lint-imports

check: lint types imports test
	@$(BIN)/python tools/check_wheel.py

mutants: $(STAMP) models
	@$(BIN)/python -m tools.mutants

bench: $(STAMP) models
	@$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist build bench/.peers
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
