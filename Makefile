# make demo and make test are all a fresh machine needs: both install what is missing first.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -X main.version=$(VERSION)
DEMO    := testdata/pcap/demo.pcapng

.PHONY: help demo test build static setup lint generate fuzz cover race kernel-test kernel-score bench compare instructions clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

demo: build ## build tcplife and analyse a bundled capture of real hosts
	./tcplife $(DEMO)

test: ## run all tests
	@sh scripts/setup.sh test
	$(GO) test ./...

build: setup ## build ./tcplife
	$(GO) build -ldflags '$(LDFLAGS)' -o tcplife ./cmd/tcplife

static: ## build ./tcplife without cgo: for capture files, without libpcap
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(LDFLAGS)' -o tcplife ./cmd/tcplife

setup:
	@sh scripts/setup.sh

lint: setup ## run the linters
	@sh scripts/lint.sh

generate: setup ## write the generated documents anew
	$(GO) generate ./...

race: setup ## run the tests of what runs in parallel under the race detector
	$(GO) test -race -short ./capture/... ./internal/pipeline/... ./report ./cmd/...

fuzz: setup ## run each fuzz target for FUZZTIME seconds (60)
	@sh scripts/fuzz.sh

kernel-test: setup ## compare with what this machine's own kernel does (Linux, root; else skipped with the reason)
	TCPLIFE_KERNEL_LAB=1 $(GO) test -count=1 -v -run TestLab ./internal/kernellab

kernel-score: build ## score against the captures of real kernels in KERNEL_TRUTH (../shared/kernel)
	@sh scripts/kernel-score.sh

bench: setup ## run the benchmarks of the stages
	$(GO) test -bench . -run '^$$' ./...

compare: setup ## time tcplife beside tcptrace, tshark, ... on captures made here (BENCH_DIR keeps them; see bench/run.sh)
	@sh bench/run.sh

instructions: setup ## fail if tcplife needs 10 % more instructions per packet than bench/instructions.txt says
	@sh scripts/instructions.sh

cover: setup ## how much of the code the tests reach, per function
	$(GO) test -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out

clean: ## remove what was built here
	rm -rf tcplife cover.out
