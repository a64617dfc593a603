.DEFAULT_GOAL := help
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/postern
	go build -trimpath -o bin/postern ./cmd/postern

.PHONY: release
release: ## Archives for Linux and macOS with checksums in bin/release; the same bytes from the same commit
	deploy/release bin/release

.PHONY: dev
dev: ## Run the demo on http://127.0.0.1:8080/dev/app
	go run ./cmd/postern dev

.PHONY: check
check: ## Everything: lint, vet, all tests, fuzzing
	./check

.PHONY: mutate
mutate: ## Take each countermeasure out in turn; its test has to notice (an hour)
	e2e/mutations/run

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (default: an hour) each
	./fuzz $(or $(FUZZTIME),1h)

.PHONY: conformance
conformance: ## The OpenID conformance suite, all plans that apply (needs its kit; an hour)
	conformance/run

.PHONY: golden
golden: ## Rewrite the golden files of pages and mails
	go test ./templates -update

.PHONY: vuln
vuln: ## Look for known vulnerabilities (needs the vulnerability database)
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

.PHONY: clients
clients: ## Client libraries that need Apache, Ruby, Java or Rust (docs/clients; ten minutes the first time)
	go test -count 1 -v -timeout 60m -tags toolchains -run 'OAuth2Proxy|ModAuth|OmniAuth|Spring|Crate' ./e2e/clients
