# What people type. `make` alone explains. Everything a target installs or writes stays under `target/`, except what
# apt installs for `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

CARGO ?= cargo
# Where tools that cargo builds for the tests and checks go, and the Python environment of the notebooks.
export TIDEWATCH_TOOLS ?= $(CURDIR)/target/tools
export TIDEWATCH_NOTEBOOK_VENV ?= $(CURDIR)/target/notebook-venv
export PATH := $(TIDEWATCH_TOOLS)/bin:$(PATH)

.PHONY: help
help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## build, then watch bundled data and show it on http://127.0.0.1:7878
	$(CARGO) run --locked --profile demo -- demo

.PHONY: build
build: ## the binary, optimised, at target/release/tidewatch
	$(CARGO) build --locked --release

.PHONY: test
test: test-tools doctest bench-smoke ## install what tests need (says what), then run every test
	$(CARGO) nextest run --locked --profile ci

.PHONY: test-tools
test-tools: ## install what tests need: apt packages, a Python environment, cargo-nextest
	.ci/install-test-tools

.PHONY: doctest
doctest: ## the examples in the documentation
	$(CARGO) test --locked --doc

.PHONY: bench-smoke
bench-smoke: ## every benchmark once, unoptimised, so that none rots
	$(CARGO) test --locked --benches

.PHONY: bench
bench: ## the benchmarks
	$(CARGO) bench --locked

# Python environment of the programs we are compared with.
BENCH_VENV ?= $(CURDIR)/target/bench-venv

.PHONY: bench-peers
bench-peers: $(BENCH_VENV)/ready ## other programs beside ours on the same files, into benches/RESULTS.md (ARGS="--help")
	$(BENCH_VENV)/bin/python benches/compare.py $(ARGS)

$(BENCH_VENV)/ready: benches/peers/requirements.txt
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet -r $<
	touch $@

.PHONY: check
check: fmt-check clippy doc deny ## format, lints, documentation, licences and origins of dependencies

.PHONY: fmt
fmt: ## format the source
	$(CARGO) fmt

.PHONY: fmt-check
fmt-check: ## is the source formatted?
	$(CARGO) fmt --check

.PHONY: clippy
clippy: ## lints; a warning is an error
	$(CARGO) clippy --locked --all-targets -- -D warnings

.PHONY: doc
doc: ## the documentation with private items, at target/doc/tidewatch
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

.PHONY: deny
deny: ## licences, bans and sources of dependencies (.deny.toml)
	.ci/install-check-tools
	$(CARGO) deny --locked --all-features --config .deny.toml check licenses bans sources

.PHONY: demo-data
demo-data: ## make data/demo again from its generator
	python3 data/demo/generate.py

.PHONY: clean
clean: ## remove build output, tools and the demo's state
	$(CARGO) clean
	rm -rf target tidewatch-data
