# make demo   the demo on http://127.0.0.1:8000/ (PORT, DATA; DATABASE_URL, CELERY_BROKER_URL and CACHE_URL as in docs/deployment.md)
# make test   all tests that can run here; its last lines name what could not
# make lint   ruff, mypy, import borders
# make messages  gathers what people read into locale/, and compiles it; needs gettext (Debian and Ubuntu: apt install gettext)
# make wheel  dist/django_sluice-*.whl
# make clean  removes what the others made, except .venv and the demo's data

SHELL := /bin/sh
PORT ?= 8000
DATA ?= ./demo-data
VENV := .venv
comma := ,
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

# Drivers that the demo needs for another database than SQLite.
demo_extras := demo$(if $(findstring postgres,$(DATABASE_URL)),$(comma)postgres)$(if $(findstring mysql,$(DATABASE_URL)),$(comma)mysql)

.DEFAULT_GOAL := help
.PHONY: help demo test lint messages wheel clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/stamp-$(subst $(comma),-,$(demo_extras))
	@DATA='$(DATA)' exec $(BIN)/python manage.py demo --port '$(PORT)'

test: $(VENV)/stamp-test
	@exec $(BIN)/python -m tests $(ARGS)

lint: $(VENV)/stamp-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Entries marked fuzzy are gettext's guesses, and empty ones have no translation yet: both are for a person to settle.
messages: $(VENV)/stamp-demo
	for app in workflows executions; do \
		(cd $$app && $(CURDIR)/$(BIN)/django-admin makemessages --locale zh_Hans --no-location --no-obsolete --ignore 'migrations/*' \
			&& $(CURDIR)/$(BIN)/django-admin compilemessages --locale zh_Hans) || exit 1; \
	done

wheel: $(VENV)/stamp-test
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of extras: a second run installs nothing.
$(VENV)/stamp-%: pyproject.toml | $(BIN)/python
	@echo 'Installing ($*) into $(VENV); the first time this takes a minute.'
	@$(PIP) --editable '.[$(subst -,$(comma),$*)]'
	@touch $@

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			if ! $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then \
				echo "$$python has no venv module. Install it (Debian and Ubuntu: apt install python3-venv) and try again." >&2; exit 1; \
			fi; \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo 'Sluice needs Python 3.11 or newer and found none. Install one, or name it: make demo PYTHON=/path/to/python3' >&2; exit 1
