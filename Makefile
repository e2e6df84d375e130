# What a developer types. Each target sets itself up in .venv from the lock files; nothing else is needed.

VENV ?= .venv
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
RUN = $(VENV)/bin/python
DEMO = $(VENV)/.demo-installed
DEV = $(VENV)/.dev-installed
INSTALL = $(RUN) -m pip install --quiet --disable-pip-version-check --no-deps
ARGS ?=
FAST = not postgres and not timescale and not grafana and not browser and not slow

# Many tests wait, for a timeout, a socket or a process that starts: twice the two cores that are least expected.
WORKERS ?= 4
FAST_WORKERS ?= 4

# Compiling our modules anew would cost every process of the tests five seconds: keep their bytecode.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo pictures test check bench soak proto lock up down lint fmt migrate timescale clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(DEMO) ## everything on this machine, with data to look at (ARGS=--keep, GRAFANA=/path/to/grafana)
	@$(RUN) -m spanledger demo $(if $(GRAFANA),--grafana '$(GRAFANA)') $(ARGS)

pictures: $(DEMO) ## the dashboards' pictures in docs/images anew, from the demo in the Grafana at GRAFANA_URL
	@$(RUN) -m demo.pictures docs/images

test: $(DEV) timescale ## the whole test suite, on PostgreSQL and TimescaleDB (ARGS=tests/storage)
	@$(RUN) -m pytest -n $(WORKERS) --dist worksteal --durations=25 $(ARGS)

check: lint ## before a commit: style, types, imports and the tests that need no server
	@$(RUN) -m pytest -q -n $(FAST_WORKERS) --dist worksteal -m "$(FAST)" $(ARGS)

bench: $(DEV) ## measure every budget of the design and print it beside the figure (ARGS=--json)
	@$(RUN) -m tests.benchmarks.run $(ARGS)

soak: $(DEV) timescale ## the test suite at full size: every example of every property, end to end with 100,000 spans
	@SPANLEDGER_TEST_FULL_SIZE=1 $(RUN) -m pytest -n $(WORKERS) --dist worksteal --durations=25 --timeout 7200 $(ARGS)

proto: $(DEV) ## generate receiver/telemetry_pb2* from proto/
	@$(RUN) -m receiver.generate

lock: ## resolve pyproject.toml again into the lock files (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	@UV="uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(ARGS)"; \
	$$UV --extra build pyproject.toml -o requirements.lock && \
	$$UV --extra build --extra demo -c requirements.lock pyproject.toml -o requirements-demo.lock && \
	$$UV --extra build --extra demo --extra dev --extra estimate --extra grafana --extra parquet -c requirements-demo.lock pyproject.toml \
		-o requirements-dev.lock

up: ## TimescaleDB, the service and Grafana in containers (secrets from the environment or .env)
	docker compose build
	docker compose up --detach --wait timescaledb
	docker compose run --rm service migrate
	@docker compose run --rm service keys list --json | grep -q '"id"' || { \
		echo "Applications on other machines need a key; this is the first, shown this once:"; \
		docker compose run --rm service keys create first; }
	docker compose up --detach --wait $(ARGS)

down: ## stop the containers; ARGS=--volumes deletes the data too
	docker compose down $(ARGS)

lint: $(DEV) ## ruff, mypy --strict and the import rules
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check --quiet . && $(RUN) -m mypy && $(VENV)/bin/lint-imports --no-cache

fmt: $(DEV) ## format the code and mend what ruff can mend
	@$(RUN) -m ruff check --fix . && $(RUN) -m ruff format .

migrate: $(DEMO) ## apply the migrations to DATABASE_URL
	@$(RUN) -m spanledger migrate $(ARGS)

timescale: $(DEV)
	@$(RUN) -m tests.timescale_root

clean: ## remove the environment, the caches and the demo's data
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist data
	find . -name __pycache__ -prune -exec rm -rf {} +

$(RUN):
	@test -n "$(PYTHON)" || { echo "Spanledger needs Python 3.11 or newer, and found none: install it, or name it (make PYTHON=...)."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: python3-venv)."; exit 1; }

$(DEMO): requirements-demo.lock pyproject.toml | $(RUN)
	@echo "installing the locked dependencies into $(VENV)"
	@$(INSTALL) --require-hashes -r requirements-demo.lock
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(DEMO)
	@echo "installing the development tools into $(VENV)"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
