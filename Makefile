# The recipes that people and CI share. `make` alone lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help up test test-rust test-outside lint chaos chaos-check release bench risk-report schemas advisories containers-check ci clean

TARGET := $(or $(CARGO_TARGET_DIR),target)
# What is handed on to the program: make up ARGS="--ephemeral --random-ports"
ARGS ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Build, then start broker, gateway and one agent on this machine (ARGS="…" goes to `ogent up`)
	cargo build --release --locked -p ogent
	@exec $(TARGET)/release/ogent up --install-nats $(ARGS)

test: test-rust test-outside ## All tests; installs what they need under target/ and the user's cache

test-rust: $(TARGET)/debug/ogent ## Tests in Rust only
	scripts/test-rust

test-outside: $(TARGET)/debug/ogent ## Tests from outside only: clients that are not ours, against a live `ogent up`
	scripts/test-outside $(ARGS)

# One build for all of `test`: building `-p ogent` alone would choose other features and compile dependencies twice.
.PHONY: $(TARGET)/debug/ogent
$(TARGET)/debug/ogent:
	cargo build --workspace --all-targets

lint: ## Format, clippy, rustdoc, dependency policy, spelling, shell, systemd units
	scripts/lint

chaos: ## Try to break the promises with real parts and real faults (CHAOS_SEED=… CHAOS_MINUTES=… ARGS="…")
	@scripts/chaos $(ARGS)

chaos-check: ## The same for a few minutes with fixed seeds, and whether the rig can see at all
	scripts/chaos-check

release: ## Build all programs that go to machines, in target/release
	cargo build --release --locked -p ogent -p ogent-gateway -p ogent-analyst -p ogent-registrar -p ogent-agent

bench: ## Measure Ogent against its floor (ARGS="…" goes to the program)
	cargo build --release --locked -p ogent -p ogent-agent -p ogent-bench
	OGENT_NATS_SERVER=$$(scripts/nats-server $(TARGET)/release/ogent) $(TARGET)/release/ogent-bench $(ARGS)

risk-report: ## Measure the rules on corpora of commands (OGENT_CORPORA=folder, ARGS="--show FILE", see ARGS=--help)
	@scripts/risk-report $(ARGS)

schemas: ## Write schemas/ anew from the code
	OGENT_BLESS=1 cargo test -p ogent-testkit --test schemas

advisories: ## Known vulnerabilities of the dependencies (needs cargo-deny, fetches the RustSec database)
	cargo deny --locked check advisories

containers-check: ## Run the whole of compose.yaml with podman and stand-in images (Debian, root; not part of CI)
	scripts/containers-check.sh

ci: ## What CI runs: lint and test
	.ci/run

clean: ## Remove what was built (not the data in .ogent)
	cargo clean
