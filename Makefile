# What a person types here. Each goal brings what it needs (tests/setup/packages) and says how long its steps took.
#
#   make run      build client and server in release, start demo mode on https://localhost:8443 and http://localhost:8080
#   make test     lint, types, unit, integration, contract, web, fuzz and browser tests; the last lines are the total
#   make check    the quick part of it: format, clippy, types, unit and integration tests, web tests
#   make bench    forwarding beside its floor, joins, data channel, and what the browsers measure (joins, first picture, a lossy line)
#   make fuzz     every fuzz target for FUZZ_SECONDS (900) each
#   make nightly  the long forms: 20 rounds of kill -9, 100 joins over a lossy line, 10,000 simulated calls, 15 minutes of fuzzing each and a planted panic to be found, 5,000 joins without a trace, 10,000 cases against the API's contract, 100,000 guessed links

SHELL := /bin/bash
FUZZ_SECONDS ?= 900
DATA ?= data

.PHONY: run test check bench fuzz nightly client release clean

run: client release
	@mkdir -p $(DATA)
	@echo "── demo mode, data in ./$(DATA); Ctrl-C stops it"
	@exec target/release/visavis --demo --data.directory $(DATA) $(ARGS)

client:
	@tests/setup/packages run
	@echo "── web client: packages" && cd web-client && npm ci --no-fund --no-audit --loglevel=error
	@echo "── web client: build" && cd web-client && npm run --silent build

release: client
	@echo "── server: release build (the first one takes some minutes; cargo shows how far it is)"
	@cargo build --release --locked --bin visavis

test:
	@tests/setup/packages test
	@tests/setup/stages lint types unit integration postgres contract web fuzz browser

check:
	@tests/setup/packages run
	@tests/setup/stages lint types unit integration web

bench: client release
	@tests/setup/packages test
	@ulimit -n 4096 2>/dev/null; cargo bench --locked --bench forwarding --bench joins --bench datachannel --bench agenda
	@cd tests/browser && npm ci --no-fund --no-audit --loglevel=error
	@TEST_BINARY=$(CURDIR)/target/release/visavis node tests/browser/run.mjs --bench

fuzz:
	@tests/setup/packages test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/setup/fuzz

nightly:
	@tests/setup/packages test
	@KILL_ROUNDS=20 KEYSTROKES=10000 JOIN_ROUNDS=100 LOSSY_SEEDS=5 VISAVIS_SIMULATION_SEEDS=10000 FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_PLANTED=1 VISAVIS_SOAK_JOINS=5000 CONTRACT_CASES=10000 VISAVIS_RANDOM_TOKENS=100000 VISAVIS_LINK_TRIES=2000 tests/setup/stages lint types unit integration postgres contract web simulation fuzz browser figures

clean:
	@rm -rf web-client/dist web-client/gallery web-client/node_modules tests/browser/node_modules tests/oidc/node_modules
	@cargo clean
