# For developers. Users need only Go: see README.md.
GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 5s
# Where the captures of make bench are kept: they are large and made anew when missing.
BENCHDIR ?= $(or $(TMPDIR),/tmp)/netsensor-bench

.PHONY: build test check fmt vet staticcheck race fuzz bench pcaps golden

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o netsensor ./cmd/netsensor

test:
	$(GO) test ./...

check: fmt vet staticcheck race fuzz

fmt:
	@out=$$(gofmt -l cmd internal pcaps); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) ./...

race:
	$(GO) test -race ./...

# Every fuzz target for a short time. Found inputs land in testdata/fuzz and are committed with their fix. Go's fuzzer
# at times ends a short run with "context deadline exceeded" and no failing input: such a run is repeated, three times at most.
fuzz:
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	run() { (cd "$$1" && "$$tmp/fuzz" -test.run='^$$' -test.fuzz="^$$2\$$" -test.fuzztime=$(FUZZTIME) -test.fuzzminimizetime=1s -test.fuzzcachedir="$$tmp/cache") >"$$tmp/log" 2>&1; }; \
	for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal | xargs -n1 dirname | sort -u); do \
	  $(GO) test -c -fuzz=. -o "$$tmp/fuzz" "./$$dir" || exit 1; \
	  for f in $$(grep -h '^func Fuzz' "$$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do \
	    echo "fuzz $$dir $$f"; \
	    for try in 1 2 3 4; do \
	      run "$$dir" "$$f" && break; \
	      cat "$$tmp/log"; \
	      if [ $$try = 4 ] || grep -q 'Failing input written' "$$tmp/log" || ! grep -q 'context deadline exceeded' "$$tmp/log"; then exit 1; fi; \
	    done; \
	  done; done

# Packets per CPU second beside tcpdump on the same capture, in one sitting.
bench: build
	$(GO) run ./internal/benchcap/cmd/bench -dir $(BENCHDIR) -netsensor ./netsensor

# The captures of pcaps/, made anew with real programs (root, Debian packages: see pcaps/README.md).
pcaps:
	pcaps/make/make.sh

# Rewrites the expected outputs of the scripts in cmd/netsensor/testdata. Read the difference before committing it.
golden:
	$(GO) test ./cmd/netsensor -run TestScripts -update
