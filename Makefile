# `make` alone lists the targets. Everything they need is made in .venv and in a cache outside git.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
REQUIREMENTS := requirements.txt requirements-dev.txt local/requirements.txt
VENV := .venv/ready-$(shell cat $(REQUIREMENTS) Makefile | sha256sum | cut -c1-12)
PY := .venv/bin/python

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1mmake %-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST) $(if $(MAKE_TERMOUT),,| sed 's/\x1b\[[0-9;]*m//g')

.PHONY: demo
demo: $(VENV) ## from nothing to two live branch URLs, on a cluster made here
	@$(PY) -m local demo

.PHONY: test
test: check test-unit test-cluster test-pipeline ## everything: checks, unit tests, tests on the real local cluster, GitLab jobs

.PHONY: test-unit
test-unit: $(VENV) ## unit tests: no cluster
	@$(PY) -m pytest tests/unit -q -n auto

# Tests make, break and remove things: on the local cluster only, whatever cluster the shell is set to.
.PHONY: test-cluster
test-cluster: export KUBECONFIG =
test-cluster: $(VENV) ## tests on the local cluster, which is built and started if need be
	@$(PY) -m local up
	@$(PY) -m local addons
	@$(PY) -m pytest tests/cluster -q -n 2 --dist worksteal -m "not alone"
	@$(PY) -m pytest tests/cluster -q -m alone

.PHONY: test-pipeline
test-pipeline: export KUBECONFIG =
test-pipeline: $(VENV) ## the GitLab jobs, really run on the local cluster, which is built and started if need be
	@$(PY) -m local up
	@$(PY) -m local node
	@$(PY) -m local image
	@$(PY) -m pytest tests/pipeline -q -n 2

.PHONY: check
check: $(VENV) ## formatting, lint, imports, types, known vulnerabilities, secrets
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/mypy
	@test -z "$$(gofmt -l local examples tests)" || { echo "run: gofmt -w local examples tests"; exit 1; }
	@$(PY) -m ci.supply_chain advisories
	@$(PY) -m ci.supply_chain secrets

.PHONY: sbom
sbom: $(VENV) ## sbom.cdx.json: what the jobs' image contains
	@$(PY) -m ci.supply_chain sbom sbom.cdx.json

.PHONY: format
format: $(VENV) ## format the code and fix what lint can
	@.venv/bin/ruff check --fix-only .
	@.venv/bin/ruff format .
	@gofmt -w local examples tests

.PHONY: image
image: $(VENV) ## the image of the GitLab jobs, built without a container engine, and loaded into the local cluster if it runs
	@$(PY) -m local image

.PHONY: up
up: $(VENV) ## start the local cluster
	@$(PY) -m local up

.PHONY: addons
addons: $(VENV) ## cert-manager and Argo CD in the local cluster, built when first asked for
	@$(PY) -m local addons

.PHONY: status
status: $(VENV) ## the local cluster's processes
	@$(PY) -m local status

.PHONY: env
env: $(VENV) ## what a shell needs for pulumi and kubectl: eval "$(make -s env)"
	@$(PY) -m local env

.PHONY: down
down: $(VENV) ## remove the local cluster and its state; builds are kept
	@$(PY) -m local down

BENCH := .venv/benchmarks/ready-$(shell sha256sum benchmarks/requirements.txt | cut -c1-12)

.PHONY: bench
bench: $(VENV) $(BENCH) ## measure this project beside its peers, and 500 environments: half an hour, on a cluster of its own
	@.venv/benchmarks/bin/python -m benchmarks $(BENCH_OPTIONS)

$(BENCH): benchmarks/requirements.txt | $(VENV)
	@.venv/bin/uv venv --quiet --clear --python $(PY) .venv/benchmarks
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venv/benchmarks/bin/python benchmarks/requirements.txt
	@touch $@

.PHONY: venv
venv: $(VENV) ## the virtual environment

.PHONY: lock
lock: $(VENV) ## compile the requirement files after a change of a .in file
	@for file in requirements requirements-dev local/requirements ci/image/requirements{,-aws,-gcp} ci/image/sbom-requirements benchmarks/requirements; do \
	  .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	    --custom-compile-command "make lock" $$file.in -o $$file.txt; done

# uv installs in seconds what takes pip minutes; pip is needed once, to get uv.
$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -x .venv/bin/uv || { echo "virtual environment: .venv"; $(PYTHON) -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check "$$(grep -o "^uv==[0-9.]*" requirements-dev.txt)"; }
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venv/bin/python $(REQUIREMENTS)
	@printf '%s\n' '#!$(CURDIR)/.venv/bin/python' 'import sys' 'sys.path.insert(0, "$(CURDIR)")' \
	  'from branchenv.cli.main import run' 'sys.exit(run())' > .venv/bin/branchenv && chmod +x .venv/bin/branchenv
	@# Compiled once, not at every start: a deploy's imports take a third of the time. The cloud SDKs are large and lazy.
	@.venv/bin/python -m compileall -q -j 0 -x '/pulumi_(aws|gcp)/' .venv/lib
	@rm -f .venv/ready-* && touch $@
