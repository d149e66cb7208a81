# Thin: every target calls cargo or one script, and may be typed by hand just as well.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup plugins examples build run test fmt fmt-check lint unit doc deny bench faults long microbench release-pgo

CARGO ?= cargo
# A shell opened before rustup was installed does not know where it put cargo.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

help: ## this list
	@echo 'tidegate: first "make run", then "make test".'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'Started by hand: tidegate run -c FILE, tidegate check FILE. Example files are in config/.'

setup: ## what the build needs and this machine lacks (with root: installed; without: the command is named)
	@.ci/setup.sh build

plugins: setup ## the policies as WebAssembly components, into plugins/dist and tests/plugins/dist
	plugins/build.sh --all

examples: setup ## one policy in six languages, into plugins/examples/dist (in CI all of them, else what has its tools)
	@.ci/setup.sh languages
	$(CARGO) test --locked --workspace --no-run # the gateway as the tests want it: built by itself, it would be built twice
	plugins/examples/build.sh $(if $(CI),--require)

build: plugins ## the gateway as it is shipped: target/release/tidegate (whole-program optimisation: minutes)
	$(CARGO) build --locked --release -p tidegate

run: plugins ## build quickly and start a gateway with example upstreams to play with
	$(CARGO) run --locked --profile quick -p tidegate -- demo

test: fmt-check plugins examples lint unit doc deny ## everything the continuous integration checks

fmt: ## format all sources
	$(CARGO) fmt --all

fmt-check:
	@.ci/setup.sh test
	$(CARGO) fmt --all --check

lint: ## clippy over all crates, tests and benches; a warning is an error
	@.ci/setup.sh test
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

unit: ## cargo test: units, contract, architecture, end to end (wants "make plugins" first)
	$(CARGO) test --locked --workspace

doc: ## the API documentation, into target/doc; a dead link is an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps

deny: ## licences, sources, banned crates and known vulnerabilities of every dependency
	@.ci/deny.sh

bench: ## side by side with nginx on this machine, into proxy/benches/RESULTS.md (about 12 minutes)
	@.ci/setup.sh bench
	plugins/build.sh
	$(CARGO) build --locked --release -p tidegate
	$(CARGO) build --locked --profile quick -p tidegate --example rig
	proxy/benches/compare.sh --write
	proxy/benches/policies.sh --write
	proxy/benches/plugins.sh --write

faults: ## endpoints that die, hang and lie, behind tidegate, nginx and HAProxy, into proxy/benches/RESULTS.md (about 8 minutes)
	@.ci/setup.sh bench
	$(CARGO) build --locked --release -p tidegate
	$(CARGO) build --locked --profile quick -p tidegate --example rig
	proxy/benches/faults.sh --write

long: plugins faults ## what takes minutes: "make faults", ten million keys, a million hostile calls
	@.ci/setup.sh test
	TIDEGATE_TEST_KEYS=10000000 $(CARGO) test --locked --profile quick -p tidegate --lib ten_times_the_keys
	$(CARGO) test --locked --profile quick -p tidegate --test e2e zoo_marathon -- --ignored --nocapture

microbench: plugins ## route lookup, configuration load, one policy call and one token by themselves (criterion)
	$(CARGO) bench --locked --profile quick -p tidegate --benches

release-pgo: ## the release build, trained by a load first: target/pgo/tidegate (two long builds)
	@.ci/setup.sh bench
	plugins/build.sh
	proxy/benches/pgo.sh
