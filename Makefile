# PSG platform. `make help` lists the targets.

SHELL := /bin/sh
VENV  ?= .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.psg-env
REPO  ?=
# Test processes at a time: one more than processors, as tests wait for servers and for the disk, too.
N     ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help env demo console test check lint types imports tidy pytest test-long bench lock dist sbom reference

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

env: $(STAMP) ## Make the virtual environment from requirements.lock

# Hashes are required: nothing is installed that was not pinned.
$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "make env: Python 3.11 or newer is needed; install it or name it: make env PYTHON=/path/to/python3" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make env: $(PYTHON) is older than Python 3.11; name another: make env PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "make env: $(PYTHON) has no venv module; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	@[ -x $(BIN)/python ] || { echo "creating $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); }
	@echo "installing requirements.lock (the first time this takes a minute or two)"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: env ## Run examples/repo-health.yaml on a git repository (REPO=/any/repo, default: this one)
	@$(BIN)/psg demo --yes $(if $(REPO),--repo "$(REPO)")

console: ## Build the web console after a change of graphql/console or the schema (needs Node.js and npm)
	@command -v npm >/dev/null || { echo "make console: npm is needed; on Debian and Ubuntu install the package npm" >&2; exit 1; }
	cd graphql/console && npm ci && npm run build

test: env check pytest ## Everything the project checks about itself

check: lint imports types tidy ## The checks that need no database

lint: env
	$(BIN)/ruff check .

imports: env
	$(BIN)/lint-imports

types: env
	$(BIN)/mypy

tidy: ## Whitespace, conflict markers, and no module that would shadow graphql-core
	@if git rev-parse --git-dir >/dev/null 2>&1; then \
		git diff --check "$$(git hash-object -t tree /dev/null)" HEAD -- '*.py' '*.cypher' '*.graphql' '*.md' '*.toml' '*.yaml' Makefile; fi
	@! ls graphql/*.py >/dev/null 2>&1 || { echo "tidy: graphql/*.py would shadow graphql-core" >&2; exit 1; }

pytest: env
	$(BIN)/pytest -n $(N) --dist loadfile -m "not long" tests

test-long: env ## Storms and soaks
	$(BIN)/pytest -n 2 --dist loadfile -m long --timeout 1800 tests

bench: env ## Measure and print one JSON array (tests/bench)
	@$(BIN)/psg bench

lock: ## Resolve pyproject.toml anew into requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra embedded --extra kafka --extra llm --extra mcp --extra nats --extra otel --extra postgres --extra redis --group dev --universal --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements.lock

dist: env ## Build wheel and sdist into dist/, the same bytes from the same tree
	$(BIN)/python -m hatchling build -d dist

sbom: env ## Write the bill of materials (CycloneDX) into dist/
	$(BIN)/python .ci/sbom.py dist/psg-platform.cdx.json

reference: env ## Write docs/reference anew from schema, commands, settings and errors
	$(BIN)/python docs/generate_reference.py
