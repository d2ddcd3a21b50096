# What a person or a CI machine runs. Needs Python 3.11 or newer, make, and a package index that pip knows.

PY   ?= python3
VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check -qq
# $(call step,3,tests) prints "[3/7] tests"; each target says how many steps it has.
step  = @printf '[%s/$(STEPS)] %s\n' '$(1)' '$(2)'

.DEFAULT_GOAL := help
.PHONY: help demo check test fix docs bench requirements clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: STEPS := 3
demo: $(VENV)/.run  ## install what it needs to run, and show the main job
	$(call step,3,runnotary demo)
	@$(BIN)/runnotary demo

check: STEPS := 7
check: $(VENV)/.dev  ## everything that must hold: format, lint, types, imports, tests; edits nothing
	$(call step,3,format: ruff format --check)
	@$(BIN)/ruff format --check
	$(call step,4,lint: ruff check)
	@$(BIN)/ruff check
	$(call step,5,types: mypy --strict)
	@$(BIN)/mypy
	$(call step,6,imports: lint-imports)
	@$(BIN)/lint-imports --no-logo
	$(call step,7,tests: pytest)
	@$(BIN)/pytest

test: STEPS := 3
test: $(VENV)/.dev  ## the tests alone; ARGS="tests/domain -x" narrows them
	$(call step,3,tests: pytest)
	@$(BIN)/pytest $(ARGS)

fix: STEPS := 3
fix: $(VENV)/.dev  ## format, and mend what the linter can mend: the only target that edits code
	$(call step,3,format and lint: ruff)
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

docs: STEPS := 3
docs: $(VENV)/.dev  ## renew the generated reference pages
	$(call step,3,pages: docs/generate.py)
	@$(BIN)/python docs/generate.py

bench: STEPS := 3
bench: $(VENV)/.dev  ## measure, on this machine
	$(call step,3,benchmarks)
	@$(BIN)/python -m benchmarks

# A lock file must name no host, so that everyone's own index serves it; the hashes say what is right.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-annotate $(if $(UPGRADE),--upgrade) pyproject.toml --extra build

requirements: STEPS := 3
requirements: $(VENV)/.dev  ## pin what pyproject.toml asks for; UPGRADE=1 takes the newest versions
	$(call step,3,requirements: uv pip compile)
	@$(COMPILE) -o requirements/run.txt
	@$(COMPILE) client/pyproject.toml --extra dev --constraint requirements/run.txt -o requirements/dev.txt

clean:  ## remove what the other targets made, but no database
	@rm -rf $(VENV) build dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: a target is set up once, and again when what it is made from changes.

$(VENV)/.made:
	$(call step,1,environment: $(VENV))
	@command -v $(PY) >/dev/null || \
	  { echo 'Python is missing: there is no $(PY). Name yours: make PY=python3.12 ...' >&2; exit 1; }
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PY) is $$($(PY) -V). Name another: make PY=python3.12 ..." >&2; exit 1; }
	@$(PY) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'The venv module is missing. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PY) -m venv $(VENV)
	@touch $@

$(VENV)/.run: PROJECTS := -e .
$(VENV)/.dev: PROJECTS := -e . -e client
$(VENV)/.dev: client/pyproject.toml
$(VENV)/.run $(VENV)/.dev: $(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/.made
	$(call step,2,packages: requirements/$*.txt (a minute the first time))
	@$(PIP) install --require-hashes -r $<
	@$(PIP) install --no-build-isolation --no-deps $(PROJECTS)
	@touch $@
