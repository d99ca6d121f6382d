# Every target works in a fresh clone. It creates .venv, installs the project, and fetches what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.installed
STAMP  := $(VENV)/.installed-dev
FUZZ   := $(VENV)/.installed-fuzz
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# What installs an extra. `make LOCKED=1 ...` takes the versions of locks/ and checks each file by its SHA-256.
ifdef LOCKED
INSTALL = $(PIP) --require-hashes -r locks/build.lock -r locks/$(1).lock && $(PIP) --no-deps --no-build-isolation -e .
else
INSTALL = $(PIP) -e '.[$(1)]'
endif

SECONDS ?= 60

# A process takes file after file, because the tests of a file share servers, a browser or a cluster.
WORKERS  ?= 2
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install models demo test test-fast coverage check lint types imports docs wheel
.PHONY: bandit audit sbom lock lowest mutants fuzz bench clean

help:
	@echo "make demo       compare real photos (installs everything first)"
	@echo "make test       run the tests, WORKERS=2 processes at a time"
	@echo "make test-fast  run the unit tests that take at most a second each"
	@echo "make coverage   run the tests and measure the coverage of src; fails below the minimum in pyproject.toml"
	@echo "make docs       build the site of the documentation into site/"
	@echo "make check      what CI runs: style, types, layers, documentation, security, tests with coverage, the built wheel"
	@echo "make audit      ask a vulnerability service about the versions in locks/"
	@echo "make lock       write locks/ again, with the newest versions that are seven days old"
	@echo "make lowest     run tests with the lowest versions that pyproject.toml allows (Python 3.11; fifteen minutes)"
	@echo "make sbom       write dist/sbom.cdx.json, the list of packages and networks"
	@echo "make mutants    break the core in some 180 places, one at a time, and check that the tests notice (ten minutes)"
	@echo "make fuzz       give random bytes to the parsers, SECONDS=60 to each, and look for errors (Linux on x86-64)"
	@echo "make bench      measure speed, also of other libraries, and accuracy on labelled images (VISAVIS_DATA=...)"
	@echo "make clean      remove everything that make created in this folder"

$(RUN): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("visavis needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing visavis into $(VENV)"
	@$(call INSTALL,server)
	@touch $@

$(STAMP): $(RUN)
	@echo "installing the development tools into $(VENV)"
	@$(call INSTALL,dev)
	@touch $@

$(FUZZ): $(RUN)
	@echo "installing the fuzzer into $(VENV)"
	@$(PIP) 'atheris>=3' # no extra, because it has wheels for Linux on x86-64 only
	@touch $@

install: $(STAMP)

models: $(RUN)
	@$(BIN)/visavis models fetch >/dev/null

demo: models
	@$(BIN)/python examples/demo.py

test: $(STAMP) models
	@$(BIN)/python -m pytest -q $(PARALLEL) $(MEASURED)

test-fast: $(STAMP)
	@$(BIN)/python -m pytest -q -m 'not slow' tests/unit

coverage check: MEASURED := --cov=$(CURDIR)/src/visavis --cov-report=term
coverage: test

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

imports: $(STAMP)
	@$(BIN)/lint-imports

docs: $(STAMP)
	@$(BIN)/python tools/check_docs.py

wheel: $(STAMP)
	@$(BIN)/python tools/check_wheel.py $(PARALLEL)

bandit: $(STAMP)
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src tools bench

audit: $(STAMP)
	@$(BIN)/python -m tools.audit $(AUDIT)

sbom: $(STAMP)
	@mkdir -p dist
	@$(BIN)/python -m tools.sbom dist/sbom.cdx.json

lock: $(STAMP)
	@$(BIN)/python -m tools.lock

lowest: $(STAMP)
	@$(BIN)/python -m tools.lowest

check: lint types imports docs bandit audit test wheel

mutants: $(STAMP) models
	@$(BIN)/python -m tools.mutants

fuzz: $(FUZZ)
	@$(BIN)/python -m fuzz --seconds $(SECONDS)

bench: $(STAMP) models
	@$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build site bench/.peers
	rm -rf fuzz/crashes fuzz/found
	rm -rf htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
