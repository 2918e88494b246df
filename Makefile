# make quickstart   train, evaluate, plot and film an adaptive cheetah
# make test         run the tests: minutes
# make test-all     and those that learn something: an hour
# make check        formatting, lint, types
# make audit        known holes in the pinned packages, by pip-audit
# make docs         build the documentation into build/docs
# make doc-commands run or parse every metarl command of README and docs

PYTHON ?= python3
BIN := .venv/bin

.PHONY: quickstart test test-all check audit docs doc-commands clean

quickstart: .venv/installed
	$(BIN)/metarl quickstart

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

test-all: .venv/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "not gpu"

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

audit: .venv/installed
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

docs: .venv/installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo "open build/docs/index.html"

doc-commands: .venv/installed
	$(BIN)/python docs/check_commands.py

# torch comes first and by its exact version: the build that this names is the one that later requirements keep
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache
