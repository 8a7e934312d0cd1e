.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMMAND ?= demo
SOAK_SECONDS ?= 600
UNIT := tests/domain tests/schemas tests/config tests/locales/test_locales.py tests/mail/test_compose.py \
  tests/mail/test_headers.py tests/mail/test_mail_clients.py tests/mail/test_whole_mails.py \
  tests/test_architecture.py tests/test_templating.py

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/postgres ## the whole story on this machine: service, demo page and mailbox
	@exec $(BIN)/moderation-service demo

dev: $(VENV)/test ## the same, started again whenever code, template or text changes; COMMAND=serve for the service alone
	@exec $(BIN)/watchfiles --sigint-timeout 15 '$(BIN)/moderation-service $(COMMAND)' moderation_service schemas

test: $(VENV)/test browser nginx pgbouncer validators generators languages npm-tools ## every test
	$(BIN)/python .ci/test.py

unit: $(VENV)/test validators ## the tests that need no server, process or database, in seconds
	$(BIN)/pytest -q -n 2 $(UNIT) --deselect tests/domain/comments/test_markup.py::test_whatever_is_repeated_takes_no_longer \
	  --ignore tests/domain/screening/test_screening_trial.py

coverage: $(VENV)/test browser nginx pgbouncer validators generators languages npm-tools ## every test, and which lines and branches none of them reaches
	$(BIN)/pytest -n 2 --cov --cov-report=term:skip-covered --cov-report=html

migration: $(VENV)/test ## the next migration, from a template: make migration NAME=page_titles
	@$(BIN)/python .ci/new_migration.py '$(NAME)'

check: $(VENV)/test ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/ci.yml
	$(BIN)/pre-commit validate-config

format: $(VENV)/test ## bring the style in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/test ## figures as ratios to limits measured beside them; see docs/performance.md
	@command -v wrk >/dev/null || apt-get install -y wrk || (echo "wrk is needed"; exit 1)
	$(BIN)/python -m bench

bench-large: $(VENV)/test ## a million comments and a backup of them, the memory of a long run, and the desk with 100,000 waiting
	$(BIN)/python -m bench large misses memory desk backup

bench-growth: $(VENV)/test ## ten thousand comments to a million (BENCH_MOST for more): what takes longer with more; see docs/scaling.md
	$(BIN)/python -m bench growth

upgrades: $(VENV)/test ## lets older versions run beside this one: make upgrades FROM="v1.2.3"; see docs/upgrade.md
	$(BIN)/python -m bench.upgrades $(FROM)

screening: $(VENV)/test ## how much spam the learned score finds; see docs/screening.md
	$(BIN)/python -m bench.screening

pictures: $(VENV)/test browser ## the pictures of docs/desk.md, taken anew of a running service
	$(BIN)/python -m bench.pictures

package: $(VENV)/test npm-tools ## packages/web for sites that are built with npm, as an archive in dist/
	$(BIN)/python packages/web/build.py
	@mkdir -p dist
	npm pack ./packages/web --silent --pack-destination dist

sbom: | python-is-new-enough ## what the service installs, with versions and licences: dist/moderation-service.cdx.json
	rm -rf build/sbom
	$(PYTHON) -m venv build/sbom/service
	build/sbom/service/bin/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt '.[postgres,push]'
	$(PYTHON) -m venv build/sbom/tools
	build/sbom/tools/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7,<8'
	@mkdir -p dist
	build/sbom/tools/bin/cyclonedx-py environment build/sbom/service/bin/python --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file dist/moderation-service.cdx.json
	build/sbom/tools/bin/python .ci/finish_sbom.py dist/moderation-service.cdx.json
	rm -rf build/sbom build/lib build/bdist.*

audit: | python-is-new-enough ## known vulnerabilities of the versions that are installed; asks a database on the internet
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'
	build/audit/bin/pip-audit --strict --disable-pip --no-deps --requirement .ci/constraints.txt

soak: $(VENV)/test ## ten minutes of load and faults on each engine (SOAK_SECONDS=60 for less), then kills, floods, histories, the document's cases and axe-core everywhere
	@command -v cc >/dev/null || (echo "a C compiler is needed, to set the clock of the service wrong"; exit 1)
	MODERATION_TEST_SOAK=$(SOAK_SECONDS) $(BIN)/pytest -s tests/faults/soak.py
	MODERATION_TEST_KILLS=20 $(BIN)/pytest -s --timeout 1200 tests/faults/test_kill.py tests/faults/test_webhook_kill.py
	MODERATION_TEST_FLOOD=4000 MODERATION_TEST_SPAM_RUN=5000 $(BIN)/pytest -s --timeout 1200 \
		tests/web/desk/test_desk_alike.py tests/services/screening/test_spam_run.py
	MODERATION_TEST_ROUNDS=200 MODERATION_TEST_QUEUE=100000 MODERATION_TEST_REPORTS=1000 $(BIN)/pytest --timeout 1200 \
		tests/services/moderation/test_concurrent_decisions.py tests/services/moderation/test_queue.py \
		tests/services/moderation/test_thousand_reports.py tests/journeys/test_replicas.py
	MODERATION_TEST_HISTORIES=100 $(BIN)/pytest -s tests/journeys/test_followers_agree.py
	MODERATION_TEST_DOCUMENT_CASES=6000 $(BIN)/pytest tests/web/operations/test_openapi_cases.py
	MODERATION_TEST_COMBINATIONS=1 $(BIN)/pytest --timeout 1200 -k axe tests/web/test_every_page_browser.py \
		tests/web/public/test_thread_page_browser.py tests/web/widget/test_writing.py

browser: $(VENV)/test
	@command -v chromium-headless-shell >/dev/null || tests/support/install_browser.sh $(BIN)

nginx:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || tests/support/install_program.sh nginx nginx-light

pgbouncer:
	@PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || tests/support/install_program.sh pgbouncer pgbouncer

validators:
	@command -v java >/dev/null || tests/support/install_program.sh java default-jre-headless
	@tests/support/install_npm.sh tests/support/validators

generators:
	@command -v jekyll >/dev/null || tests/support/install_program.sh jekyll jekyll
	@tests/support/install_npm.sh tests/support/generators

languages:
	@command -v php >/dev/null || tests/support/install_program.sh php php-cli
	@command -v go >/dev/null || tests/support/install_program.sh go golang-go

npm-tools:
	@tests/support/install_npm.sh packages/web

python-is-new-enough:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'

$(VENV)/bin/python: | python-is-new-enough
	$(PYTHON) -m venv $(VENV)

constraints: python-is-new-enough ## renew .ci/constraints.txt: the newest versions that pyproject.toml allows
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	(echo '# Versions that the tests passed with; renewed by `make constraints`.'; \
	  build/constraints/bin/python -m pip freeze --exclude-editable) > build/constraints.txt
	mv build/constraints.txt .ci/constraints.txt
	rm -rf build/constraints

$(VENV)/%: pyproject.toml .ci/constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[$*]'
	@touch $@

.PHONY: help run dev test unit coverage migration check format constraints bench bench-large bench-growth upgrades pictures package sbom audit soak browser nginx pgbouncer validators generators languages npm-tools python-is-new-enough
