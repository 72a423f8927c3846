# Panoptes for the OpenTelemetry Collector. `make help` lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN   := bin
TOOLS := build/tools
# Flags for `go test`, for example `make test GOTESTFLAGS=-race`.
GOTESTFLAGS ?=
# The repository's Go modules: the product, tests that want what it does not, the benchmarks with their peers.
MODULES := . extension/panoptesdiscoveryextension test/pipelines test/schema test/snmp deploy bench

# What a rebuild of the distribution depends on.
GO_SOURCES := $(shell find . -name '*.go' -not -path './build/*' -not -path './test/browser/node_modules/*' -not -name '*_test.go') go.mod go.sum \
  $(shell find python -name '*.py') $(shell find extension -path '*/web/*' -type f)

## run: build everything and start the quickstart (Ctrl-C stops it)
.PHONY: run
run: build
	@exec $(BIN)/panoptes demo

## build: bin/panoptes-otelcol (the distribution) and bin/panoptes (the command)
.PHONY: build
build: $(BIN)/panoptes-otelcol $(BIN)/panoptes

.PHONY: preflight
preflight:
	@scripts/preflight

$(BIN)/panoptes: $(GO_SOURCES) | preflight
	@echo "==> building $@, the command for authors and operators"
	@go build -o $@ ./cmd/panoptes

$(BIN)/panoptes-otelcol: builder-config.yaml $(GO_SOURCES) $(TOOLS)/builder | preflight
	@echo "==> assembling $@ with the OpenTelemetry Collector builder (minutes the first time, it compiles some hundred modules)"
	@mkdir -p build $(BIN)
	@$(TOOLS)/builder --config=builder-config.yaml >build/builder.log 2>&1 || \
	  { tail -n 30 build/builder.log; echo "the builder failed; its whole log is build/builder.log" >&2; exit 1; }
	@cp build/dist/panoptes-otelcol $@

# Tools are built from the versions pinned in internal/tools/go.mod.
tool_builder     := go.opentelemetry.io/collector/cmd/builder
tool_mdatagen    := go.opentelemetry.io/collector/cmd/mdatagen
tool_gofumpt     := mvdan.cc/gofumpt
tool_typecheck   := ./typecheck
$(TOOLS)/%: internal/tools/go.mod internal/tools/go.sum | preflight
	@echo "==> building the tool $*"
	@cd internal/tools && go build -o ../../$@ $(tool_$*)

# A module of its own: its many linters choose the versions of what they import.
$(TOOLS)/golangci-lint: internal/tools/lint/go.mod internal/tools/lint/go.sum | preflight
	@echo "==> building the tool golangci-lint"
	@cd internal/tools/lint && go build -o ../../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

## test: unit, golden and end-to-end tests; with a real Kafka where Java and Maven are found, in a real Chromium where Node.js is
.PHONY: test
test: test-unit
	@# Beside the programs' tests, which mostly wait.
	@$(MAKE) --no-print-directory -j2 --output-sync=line test-python test-programs

.PHONY: test-programs
test-programs: build
	@for t in test-e2e test-kafka test-browser; do $(MAKE) --no-print-directory $$t; done

.PHONY: test-unit
test-unit: | preflight
	@# Three packages at a time on two processors: many tests wait.
	@for m in $(filter-out deploy extension/panoptesdiscoveryextension,$(MODULES)); do echo "==> go test $$m"; (cd $$m && go test -p 3 $(GOTESTFLAGS) ./...); done
	@# As the distribution is built, which has compiled Kubernetes' types and client already; for the race detector that takes minutes.
	@for m in deploy extension/panoptesdiscoveryextension; do echo "==> go test $$m"; (cd $$m && go test -trimpath ./...); done

## test-python: the Python tests with each interpreter from 3.8 to 3.13 that is found (PYTHONS="python3.11 ..." names them)
.PHONY: test-python
test-python: | preflight
	@scripts/check-types
	@scripts/test-python

## test-e2e: the built programs against the embedded broker
.PHONY: test-e2e
test-e2e: build
	@echo "==> end-to-end tests with the built programs and the embedded broker"
	@PANOPTES_BIN=$(CURDIR)/$(BIN) go test -parallel 6 -count=1 -tags e2e ./test/e2e/...
	@cd test/schema && PANOPTES_BIN=$(CURDIR)/$(BIN) go test -count=1 -tags e2e ./...

## test-kill: kill the built Collector KILLS (300) times at random moments, and check every rate it gives (ten minutes)
KILLS ?= 300
.PHONY: test-kill
test-kill: build
	@PANOPTES_BIN=$(CURDIR)/$(BIN) PANOPTES_KILLS=$(KILLS) go test $(GOTESTFLAGS) -count=1 -timeout 60m -parallel 6 -tags e2e -run TestKilledCollector -v ./test/e2e

## test-kafka: the same, and the exporter's own and panoptes tail's tests, against a real Apache Kafka (PANOPTES_REQUIRE_KAFKA=1: a failure where it cannot run)
.PHONY: test-kafka
test-kafka: build
	@PANOPTES_BIN=$(CURDIR)/$(BIN) scripts/test-kafka

## test-kafka-events: delete and remake topics, move leaders and restart brokers under all that talks to Kafka, on clusters of the versions in EVENTS (minutes each)
EVENTS ?= 1.1.0 3.9.1 4.3.1
.PHONY: test-kafka-events
test-kafka-events: build
	@PANOPTES_BIN=$(CURDIR)/$(BIN) PANOPTES_TEST_EVENTS="$(EVENTS)" KAFKA_BROKER_SCRIPT=$(CURDIR)/scripts/kafka-broker KAFKA_BROKER_PORT=29752 \
	  go test $(GOTESTFLAGS) -count=1 -timeout 60m -tags 'e2e kafka' -run '^TestKafkaEvents$$' -v ./test/e2e

## test-scale: Collectors that share a fleet with three nodes of a real Apache Kafka, and are killed and stopped for PANOPTES_SHARDS_FOR (10m)
.PHONY: test-scale
test-scale: build
	@PANOPTES_BIN=$(CURDIR)/$(BIN) scripts/test-scale

## test-trust: kill the built Collector under load with a real Kafka, and check all that it delivers (PANOPTES_TRUST=full: 500 times, and ten minutes without Kafka)
.PHONY: test-trust
test-trust: build
	@PANOPTES_BIN=$(CURDIR)/$(BIN) scripts/test-trust

## test-browser: the status pages of the built Collector in a real Chromium (PANOPTES_REQUIRE_CHROMIUM=1: a failure where there is none)
.PHONY: test-browser
test-browser: build
	@PANOPTES_BIN=$(CURDIR)/$(BIN) scripts/test-browser

## check: all that CI runs
.PHONY: check
check:
	@.ci/run

## fmt: format the code
.PHONY: fmt
fmt: $(TOOLS)/gofumpt
	@$(TOOLS)/gofumpt -w $$(git ls-files '*.go')

.PHONY: check-fmt
check-fmt: $(TOOLS)/gofumpt
	@out=$$($(TOOLS)/gofumpt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not formatted, run make fmt:" >&2; echo "$$out" >&2; exit 1; }

## generate: write the generated code anew
.PHONY: generate
generate: | preflight
	@go generate ./...
	@cd extension/panoptesdiscoveryextension && go generate ./...
	@$(MAKE) -s fmt

.PHONY: check-generate
check-generate: generate
	@git diff --exit-code -- '*generated_*' '*/internal/metadata/*' '*/internal/metadatatest/*' '*documentation.md' '*README.md' || \
	  { echo "generated files are not up to date, run make generate" >&2; exit 1; }

.PHONY: check-tidy
check-tidy: | preflight
	@for m in $(MODULES) internal/tools; do (cd $$m && go mod tidy -diff) || { echo "go.mod of $$m is not tidy" >&2; exit 1; }; done

## lint: golangci-lint with .golangci.yml for what is shipped and for benchmarks, go vet for the modules of tests
LINTED := . extension/panoptesdiscoveryextension bench
.PHONY: lint
lint: $(TOOLS)/golangci-lint
	@# Trimmed as the distribution is, which shares what is compiled; without the clients of service discovery, which linters would go through.
	@export GOFLAGS=-trimpath; for m in $(LINTED); do (cd $$m && $(CURDIR)/$(TOOLS)/golangci-lint run -c $(CURDIR)/.golangci.yml ./...); done
	@export GOFLAGS=-trimpath; for m in $(filter-out $(LINTED),$(MODULES)); do (cd $$m && go vet -tags 'e2e kafka remove_all_sd' ./...); done

## cross: check that all compiles for other systems
CROSS := linux/arm64 darwin/arm64 windows/amd64
.PHONY: cross
cross: $(TOOLS)/typecheck
	@for target in $(CROSS); do echo "==> checking for $$target"; GOOS=$${target%/*} GOARCH=$${target#*/} $(TOOLS)/typecheck ./...; done

## outside: build configs outside the repository, of the receiver, the exporter and the encoding, each alone
.PHONY: outside
outside: $(TOOLS)/builder
	@scripts/outside-build $(CURDIR)/$(TOOLS)/builder

## fuzz: run every fuzz target for its share of FUZZTIME (60s) in all
FUZZTIME ?= 60s
.PHONY: fuzz
fuzz: | preflight
	@scripts/fuzz $(FUZZTIME)

# Where DOCS is set, benchmarks put their tables into the page of benchmarks.
PAGE := $(if $(DOCS),-docs ../docs/benchmarks.md)

## bench-codec: the codec beside its peers; writes bench/results/codec.json
.PHONY: bench-codec
bench-codec: | preflight
	@cd bench && GOMAXPROCS=1 go run ./codec

## bench-python: how Python plugins are run, beside plain loops of the same steps; writes bench/results/python.json, and with DOCS=1 the table in docs/benchmarks.md
.PHONY: bench-python
bench-python: | preflight
	@cd bench && go run ./python $(PAGE)

## bench-idle: what a run costs in a Collector that has little to do, in eight minutes; writes bench/results/idle.json, and with DOCS=1 the table in docs/benchmarks.md. BEFORE=PROGRAM measures another Collector beside it
.PHONY: bench-idle
bench-idle: $(BIN)/panoptes-otelcol
	@cd bench && go run ./idle -collector $(CURDIR)/$(BIN)/panoptes-otelcol $(if $(BEFORE),-before $(abspath $(BEFORE))) $(PAGE)

## bench-peers: Telegraf's agent beside a Collector, both with one script against a thousand targets, in seven minutes; writes bench/results/peers.json, and with DOCS=1 the table in docs/benchmarks.md and the line in README.md
.PHONY: bench-peers
bench-peers: $(BIN)/panoptes-otelcol
	@cd bench && go run ./peers -collector $(CURDIR)/$(BIN)/panoptes-otelcol $(PAGE) $(if $(DOCS),-readme ../README.md)

## bench-schedule: the scheduler beside its peers, in nine minutes; writes bench/results/schedule.json
.PHONY: bench-schedule
bench-schedule: | preflight
	@cd bench && go build -o ../$(BIN)/bench-schedule ./schedule && ../$(BIN)/bench-schedule

## bench-plugins: the runtimes of plugins beside their peers; writes bench/results/plugins.json, and with DOCS=1 the table in docs/benchmarks.md
.PHONY: bench-plugins
bench-plugins: | preflight
	@cd bench && go run ./plugins $(PAGE)

## bench-reload: reloads of 100,000 resources under a million tasks, in three minutes; writes bench/results/reload.json
.PHONY: bench-reload
bench-reload: | preflight
	@cd bench && go build -o ../$(BIN)/bench-reload ./reload && ../$(BIN)/bench-reload

## bench-exporter: the Kafka exporter beside its peers, with a real Apache Kafka; writes bench/results/exporter.json
.PHONY: bench-exporter
bench-exporter: | preflight
	@cd bench && go run ./exporter

## bench-snmp: polling by SNMP beside its peers, with simulated devices, in seven minutes; writes bench/results/snmp.json, and with DOCS=1 the table in docs/benchmarks.md
.PHONY: bench-snmp
bench-snmp: | preflight
	@cd bench && go build -o ../$(BIN)/bench-snmp ./snmp && ../$(BIN)/bench-snmp $(PAGE)

## bench-scale: how Collectors share a fleet, with three brokers of a real Apache Kafka, in eight minutes; writes bench/results/scale.json. PARTS=planned,killed runs only these of runs, state, planned, killed, coordinator and brokers
.PHONY: bench-scale
bench-scale: | preflight
	@cd bench && go build -o ../$(BIN)/bench-scale ./scale && ../$(BIN)/bench-scale $(if $(PARTS),-parts $(PARTS))

## bench-rate: the rate processor beside its peers, up to ten million series (ten minutes, 6 GB); writes bench/results/rate.json, and with DOCS=1 the table in docs/benchmarks.md
.PHONY: bench-rate
bench-rate: | preflight
	@cd bench && go run ./rate $(PAGE)

## clean: remove what was built
.PHONY: clean
clean:
	@rm -rf bin build

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
