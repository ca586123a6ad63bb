# Targets that people and CI use. `make help` lists them. Everything that is needed is installed below var/ and the
# tests' own node_modules; nothing is installed for the whole machine but PostgreSQL, which tests start on their own: as
# root on Debian they install it when it is missing, and otherwise say so.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
PYTHON  := var/python/bin/python


.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## build bin/steward
	@echo "build: compiling bin/steward (the first time takes a minute or two)"
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/steward ./cmd/steward

.PHONY: engine
engine: ## install the pinned MetricFlow engine into var/python
	@scripts/engine.sh

.PHONY: demo
demo: engine ## build the demo project into var/demo
	@scripts/demo.sh

.PHONY: run
run: build ## build everything, serve the demo on loopback and print how to connect
	@scripts/run.sh

.PHONY: clients
clients: tests/aimock/node_modules/.stamp tests/chart/node_modules/.stamp tests/conformance/node_modules/.stamp tests/e2e/node_modules/.stamp tests/oidc/node_modules/.stamp ## install the npm packages that tests use

%/node_modules/.stamp: %/package-lock.json
	@echo "installing the packages of $*"
	@npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: test
test: build demo clients ## run every test, with the race detector
	STEWARD_TEST_PYTHON=$(CURDIR)/$(PYTHON) go test -race -timeout 20m ./...

.PHONY: e2e
e2e: build demo clients ## run the end-to-end tests with real clients only
	STEWARD_TEST_PYTHON=$(CURDIR)/$(PYTHON) go test -count=1 -timeout 10m -v ./tests/e2e/...

.PHONY: conformance
conformance: clients ## run the official conformance suite of MCP and print its summaries
	go test -count=1 -timeout 10m -v ./tests/conformance

.PHONY: acceptance
acceptance: build engine ## ask the cases of CASES=DIR over MCP, on WAREHOUSE=duckdb or postgres; ONLY=where, nowhere picks
	@if [ -d "$(CASES)" ]; then \
		go run ./tests/acceptance -cases "$(CASES)" -python $(PYTHON) -only "$(ONLY)" -warehouse "$(or $(WAREHOUSE),duckdb)"; \
	else \
		echo "acceptance: there is no folder of cases at '$(CASES)'; give one with CASES=DIR" >&2; exit 2; \
	fi

.PHONY: bench
bench: build $(if $(filter echo,$(ONLY)),,demo) ## compare with the mf command line and with a bare MCP server, as ratios; ONLY=mf, echo picks
	@go run ./tests/bench -only "$(ONLY)"

.PHONY: soak
soak: build demo ## kill the server 50 times and workers 100 times under load, and hold the journal against every answer
	STEWARD_TEST_PYTHON=$(CURDIR)/$(PYTHON) STEWARD_TEST_KILLS=50 KILLS=100 \
		go test -count=1 -timeout 30m -v -run 'Killed' ./tests/crash

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME (10s) each
	@scripts/fuzz.sh $(or $(FUZZTIME),10s)

.PHONY: golden
golden: ## rewrite the golden files after a change of contract
	go test ./tests/golden/... -update

.PHONY: lint
lint: ## check formatting, imports, layers and style
	@scripts/tool.sh golangci-lint config verify
	@scripts/tool.sh golangci-lint run ./...

.PHONY: architecture
architecture: ## check layers, contexts, budgets and reachability
	go test -count=1 ./tests/architecture

.PHONY: cross
cross: ## compile for the other platforms
	@for p in darwin/arm64 linux/arm64; do \
		echo "compile for $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -trimpath -o /dev/null ./cmd/steward || exit 1; \
	done

.PHONY: check
check: lint test cross ## what CI runs

.PHONY: clean
clean: ## remove what was built; `rm -rf var` removes what was provisioned
	@rm -rf bin
