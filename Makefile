# `make run` and `make test` are all that a newcomer needs. They want Python 3.11 or later, make, and a package index.
PYTHON ?= python3
BIN := .venv/bin

# Tests start hundreds of processes: each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint bench clean lock

# The environment is remade when a lock changes; the marker file is its proof.
.venv/run: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ .venv/run

run: .venv/run
	$(BIN)/carrefour --instance instance init --demo --exist-ok
	$(BIN)/carrefour --instance instance harvest || test $$? -eq 1
	$(BIN)/carrefour --instance instance serve

test: .venv/dev
	$(BIN)/python -m pytest -m "not slow" -n 4 --dist loadfile $(PYTEST_ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev
	-$(BIN)/python -m bench.ingest
	-$(BIN)/python -m bench.validate
	-$(BIN)/python -m bench.parts
	-$(BIN)/python -m bench.worker
	-$(BIN)/python -m bench.federation

lock:
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --build-deps-for editable \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --build-deps-for editable --extra dev \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements-dev.lock pyproject.toml

clean:
	rm -rf .venv build dist instance .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
