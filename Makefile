.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/demo ## the whole story on this machine: service, demo page and mailbox
	@exec $(BIN)/moderation-service demo

test: $(VENV)/test browser nginx pgbouncer ## every test
	$(BIN)/pytest -n 2

check: $(VENV)/test ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(VENV)/test ## bring the style in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/test ## figures as ratios to limits measured beside them; see docs/performance.md
	@command -v wrk >/dev/null || apt-get install -y wrk || (echo "wrk is needed"; exit 1)
	$(BIN)/python -m bench

bench-large: $(VENV)/test ## a million comments, the memory of a long run, and the desk with 100,000 waiting
	$(BIN)/python -m bench large misses memory desk

soak: $(VENV)/test ## kill the service twenty times on each engine
	MODERATION_TEST_KILLS=20 $(BIN)/pytest -s --timeout 1200 tests/faults/test_kill.py

browser: $(VENV)/test
	@command -v chromium >/dev/null || tests/install_browser.sh $(BIN)

nginx:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || tests/install_program.sh nginx nginx-light

pgbouncer:
	@PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || tests/install_program.sh pgbouncer pgbouncer

python-is-new-enough:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'

$(VENV)/bin/python: | python-is-new-enough
	$(PYTHON) -m venv $(VENV)

$(VENV)/%: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

.PHONY: help run test check format bench bench-large soak browser nginx pgbouncer python-is-new-enough
