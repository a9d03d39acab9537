# All commands of this checkout. Needs git, make, Go >= 1.26 and any Node >= 20 with npm.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup build verify format test-packages test test-pure test-integration test-e2e test-long demo bench bench-against clean

node := tools/node
modules := node_modules/.package-lock.json

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: build ## make everything runnable: npm packages, bundles, the embedded control plane (cached per user)
	@$(node) controlplane/main.ts kubernetes kwok

build: $(modules) ## bundle each process into dist/
	@$(node) tools/build.ts

verify: $(modules) ## format, lint, types, import rules, generated files, documentation
	@$(node) tools/verify.ts

format: $(modules) ## write the formatting that verify asks for
	@node_modules/.bin/biome check --write .

test-packages: $(modules) ## Debian packages that some tests need: installs them as root, otherwise says how
	@$(node) tools/test-packages.ts

test: setup test-packages ## every test: pure, integration, end to end
	@$(node) tools/test.ts pure integration e2e

test-pure: $(modules) ## tests of pure functions (seconds)
	@$(node) tools/test.ts pure

test-integration: setup test-packages ## tests against real API servers
	@$(node) tools/test.ts integration

test-e2e: setup ## the stories: whole processes and the real kubectl (STORY=name for one)
	@$(node) tools/test.ts e2e $(if $(STORY),e2e/$(STORY)/)

test-long: setup ## what takes minutes and is not part of test: an environment at rest
	@$(node) tools/test.ts long

demo: setup ## hub, two clusters, and a short story of access coming and going (DEMO_ONCE=1 ends after it)
	@bin/drover-dev demo

bench: setup ## measure; prints a table and writes bench/results/latest.json (COLD=1 adds a build from nothing)
	@$(node) bench/main.ts

bench-against: setup ## measure this checkout and another commit by turns: make bench-against BASE=<commit>
	@$(node) bench/against.ts

clean: ## remove what was built here; the per-user cache stays
	rm -rf dist .drover node_modules

$(modules): package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@
