# Two commands do everything: `make run` and `make test`. Both set themselves up.

PYTHON ?= python3
PORT ?= 8000
BOOKS ?=
WHAT ?=
DURATION ?=
SEED ?=
QUICK ?=
BROKER ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run test demo proof chaos chaos-oracle bench lock clean

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14
	@echo
	@echo "PORT=8000 for run; BOOKS=file.csv for demo and proof; WHAT=main-job|relay|webhooks|letters|lending|folds for proof"
	@echo "DURATION=60 SEED=7 BROKER=postgresql|amqp|redis for chaos; QUICK=1 for bench"

run: $(READY) ## Start the library: database, web server, relay workers (Ctrl-C stops)
	@$(BIN)/python manage.py up --port $(PORT)

test: $(READY) ## Run every check and every test; stop at the first that fails
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -p randomly

demo: $(READY) ## Show the main job from end to end on a throw-away database
	@$(BIN)/python manage.py demo $(if $(BOOKS),--books "$(BOOKS)")

proof: $(READY) ## Prove the claims, the long way
	@BOOKS="$(BOOKS)" $(BIN)/python manage.py proof $(WHAT)

chaos: $(READY) ## Break everything at random while books are lent, and count what arrives
	@$(BIN)/python -m tests.chaos $(if $(DURATION),--duration "$(DURATION)") \
		$(if $(SEED),--seed "$(SEED)") $(if $(BROKER),--broker "$(BROKER)")

chaos-oracle: $(READY) ## Take each safeguard out in turn: somebody has to notice
	@$(BIN)/python -m tests.chaos.oracle

bench: $(READY) ## Measure, beside what it is measured by
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) \
		--json bench.json --table bench.txt $(WHAT)

# A lock is made for every Python and platform at once, and names no registry. Extras
# stay: pip would take a newer release for one that is asked for without being pinned.
LOCK := .lock-env/bin/uv pip compile pyproject.toml --quiet --universal \
	--no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

lock: ## Write the requirement locks anew from pyproject.toml
	$(PYTHON) -m venv .lock-env
	.lock-env/bin/pip install --quiet uv
	$(LOCK) --output-file requirements.txt
	$(LOCK) --output-file requirements-dev.txt --extra dev --extra bench \
		--constraints requirements.txt

clean: ## Remove the environment and all caches (the kept data stays)
	rm -rf $(VENV) .lock-env .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an installation that was cut short is made again.
$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements-dev.txt
	@touch $@
