# Everything here sets itself up: see deploy/scripts/prerequisites.sh.
#
# The goals are built from the root with the default members, never with `-p`: cargo unites features over what it
# builds together, and a different selection would compile a good part of the dependencies a second time.

SHELL := /bin/sh
.DEFAULT_GOAL := help
# A shell that was open when Rust was installed does not know where it is.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
.PHONY: help prerequisites prerequisites-lint build demo test test-attacks lint fmt bench fuzz

PREREQUISITES := ./deploy/scripts/prerequisites.sh
# Where cargo puts what it builds; a relative one counts from here.
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
# `make bench SCENARIO="--help"` hands its words to the harness; `make fuzz SECONDS=3600` runs each target that long.
SCENARIO ?=
SECONDS ?= 600

# Our own crates optimised, on top of the one profile all goals share: dependencies stay as they are and are not rebuilt.
OPTIMISED := $(foreach crate,peerage peerage-protocol peerage-records peerage-bench, \
	--config 'profile.dev.package.$(crate).opt-level=3' \
	--config 'profile.dev.package.$(crate).debug-assertions=false' \
	--config 'profile.dev.package.$(crate).overflow-checks=false')

help: ## Show the goals (this list)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prerequisites: ## Find what the build needs; install it where that is allowed
	@$(PREREQUISITES)

prerequisites-lint:
	@$(PREREQUISITES) lint

# An example is built along: then the dependencies of tests count too, and all goals build the same ones.
build: prerequisites ## Build the program
	@cargo build --bin peerage --example embed

demo: build ## Show the main job end to end: real nodes, real QUIC on loopback
	@PEERAGE="$(TARGET_DIR)/debug/peerage" ./deploy/demo/run.sh

test: prerequisites ## Run all tests, those in the documentation included
	@cargo test

test-attacks: prerequisites ## Run the tests that attack, a line for each (they are part of test)
	@./deploy/scripts/test-attacks.sh

lint: prerequisites-lint ## Check format, clippy, documentation, feature combinations and fuzz targets
	@./deploy/scripts/lint.sh

fmt: prerequisites-lint ## Format the code
	@cargo fmt --all

bench: prerequisites ## Run the measurements (SCENARIO="..." passes arguments on)
	@cargo build $(OPTIMISED) --bin peerage-bench --example embed
	@$(TARGET_DIR)/debug/peerage-bench $(SCENARIO)

fuzz: prerequisites ## Fuzz every decoder, SECONDS=600 each; wants nightly Rust and cargo-fuzz
	@SECONDS_PER_TARGET=$(SECONDS) ./deploy/scripts/fuzz.sh
