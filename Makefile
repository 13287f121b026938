# make run    build everything and serve at http://localhost:8080, with its data in .run
# make build  leaves ./chatalot, with the web app inside
# make test   everything that can be checked; installs Chromium and a C compiler (for the race detector) when missing
# make bench  the figures of the README
# make clean  removes what was built; never .run

GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILT := $(shell git log -1 --format=%ct 2>/dev/null)
GOROOT := $(shell $(GO) env GOROOT)

generated := assets/src/crypto/generated
core := $(generated)/core.wasm
modules := assets/node_modules/.package-lock.json
shell := assets/dist/index.html
wasm_source := go.mod go.sum $(shell find assets/wasm app/e2ee app/wire -name '*.go' ! -name '*_test.go')
# Inlining costs the browser a tenth of the download and helps only where bytes are crunched.
wasm_gcflags := -gcflags=all=-l $(patsubst %,-gcflags=%=,crypto/... golang.org/x/crypto/... encoding/binary internal/byteorder math/bits)
web_source := assets/index.html assets/package.json assets/vite.config.ts assets/compress.mjs \
	$(wildcard assets/svelte.config.js assets/tsconfig*.json) \
	$(shell find assets/src assets/public -type f ! -path '$(generated)/*' 2>/dev/null)

# Packages in which goroutines meet. The race detector needs cgo, which the binary itself does not.
concurrent := ./app/store/... ./app/live/... ./app/chat/... ./app/auth/... ./app/web/... ./app/server/...

.PHONY: build run test bench clean web check tools
.DELETE_ON_ERROR:

build: web
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.built=$(BUILT)' -o chatalot .

run: build
	./chatalot serve --data .run

web: $(shell)

$(shell): $(modules) $(core) $(generated)/wasm_exec.js $(web_source)
	npm --prefix assets run build
	node assets/compress.mjs assets/dist
	touch assets/dist/.keep $@

$(modules): assets/package.json assets/package-lock.json
	npm --prefix assets ci
	touch $@

$(core): $(wasm_source)
	mkdir -p $(@D)
	GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags '-s -w' $(wasm_gcflags) -o $@ ./assets/wasm
	touch $@

$(generated)/wasm_exec.js: $(GOROOT)/lib/wasm/wasm_exec.js
	mkdir -p $(generated)
	cp $< $@
	chmod 0644 $@

tools:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v $$($(GO) env CC) >/dev/null || missing="$$missing gcc libc6-dev"; \
	if [ -n "$$missing" ]; then \
		root=; [ "$$(id -u)" = 0 ] || root=sudo; \
		$$root apt-get update && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; \
	fi

check: $(modules) $(core) $(generated)/wasm_exec.js
	@bad=$$(find . -name '*.go' -not -path './assets/node_modules/*' | xargs gofmt -l); \
	if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	GOOS=js GOARCH=wasm $(GO) vet ./assets/wasm ./app/e2ee/... ./app/wire/...
	npm --prefix assets run check
	npm --prefix assets test

# The Go tests come last, so that their own lines close the output.
test: tools build check
	GOOS=js GOARCH=wasm $(GO) test -exec '$(GOROOT)/lib/wasm/go_js_wasm_exec' ./app/e2ee/... ./app/wire/octet ./app/wire/signed ./app/wire/group
	CGO_ENABLED=1 $(GO) test -race -shuffle=on $(concurrent)
	$(GO) test -shuffle=on -timeout 20m ./...

bench: build
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./app/load/... ./app/browser/...

clean:
	rm -rf chatalot $(generated) assets/node_modules .artifacts
	find assets/dist -mindepth 1 ! -name .keep -delete
