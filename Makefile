# Meridian. `make` alone lists the targets. They need Go. The shop and the tests use the machine's PostgreSQL if that is 15 or
# newer, else they fetch one into the user's cache folder, which needs no rights.

.DEFAULT_GOAL := help
.PHONY: run demo build test test-cockroach lint generate clean help compiler

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
SUDO        := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
APT         := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get

run: build ## start the whole shop on this machine: http://localhost:8080
	@exec bin/meridian up

demo: build ## take a tour of a fresh shop: races, faults and the audit; exits 1 if a promise is broken
	@exec bin/meridian demo

build: ## build bin/meridian
	@[ -x bin/meridian ] || echo "building bin/meridian; the first time this takes some minutes"
	@go build -trimpath -o bin/meridian ./cmd/meridian

test: compiler ## vet, and run every test against a throw-away PostgreSQL (TESTFLAGS=-v, …)
	go vet ./...
	go test -race -p 2 -timeout 20m $(TESTFLAGS) ./...

test-cockroach: ## run every test on the CockroachDB at COCKROACH_URL, and list what was skipped (TESTFLAGS=…)
	@[ -n "$$COCKROACH_URL" ] || { echo "Set COCKROACH_URL to a CockroachDB 23.1 or newer, with nodes in each region of regions/," \
		"and a user who may create databases: postgresql://root@127.0.0.1:26257/defaultdb?sslmode=disable"; exit 1; }
	@{ go test -count=1 -p 1 -timeout 90m -v $(TESTFLAGS) ./... 2>&1; echo "status $$?"; } | awk '$(REPORT_SKIPPED)'

lint: ## check modules, formatting and style, vet, and run staticcheck and govulncheck
	go mod tidy -diff
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "gofmt -w these files:"; echo "$$files"; exit 1; }
	go vet ./...
	go test -count=1 cmd/meridian/style_test.go
	go run $(STATICCHECK) ./...
	@echo "go run $(GOVULNCHECK) ./..."; \
	report=$$(go run $(GOVULNCHECK) ./... 2>&1) || case "$$report" in \
		*"fetching vulnerabilities"*) echo "govulncheck is skipped: its database cannot be reached from here" ;; \
		*) echo "$$report"; exit 1 ;; \
	esac

generate: ## make the generated files anew: golden files, schema/statements/ (PKG=./internal/cart: that package's part alone)
	go generate ./...
	go test ./schema -run 'Plan' -update
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	MERIDIAN_STATEMENTS_DIR=$$dir go test -count=1 -p 2 -timeout 20m -skip TestCollectedStatements $(or $(PKG),./...) && \
	go test -count=1 ./schema -run TestCollectedStatements -collect "$$dir"

clean: ## remove what was built; the shop's data in .meridian/ stays
	rm -rf bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Prints what go test -v says of failures and packages, and at the end each skipped test under the reason it gave.
define REPORT_SKIPPED
/^status [0-9]+$$/ { status = $$2; next } \
/^=== / || /^ *--- PASS/ || /^PASS$$/ { next } \
/^ *--- SKIP/ { skipped[++n] = reason "\n    " $$3; next } \
/^ +[a-zA-Z0-9_]+\.go:[0-9]+: / { reason = $$0; sub(/^ +[^ ]+ /, "", reason) } \
{ print } \
END { print "\n" n + 0 " tests were skipped:"; for (i = 1; i <= n; i++) print skipped[i]; exit status }
endef

# Go's race detector needs a C compiler.
compiler:
	@command -v $$(go env CC) >/dev/null || { $(APT) update -q && $(APT) install -qy gcc libc6-dev; } || \
		{ echo "Install a C compiler (apt-get install gcc libc6-dev, xcode-select --install): the race detector needs one."; exit 1; }
