#!/usr/bin/env bash
# Builds dist/key_gate_go.wasm. The runtime's WASI calls are answered inside the component (--adapt).
source "$(dirname "$0")/../toolchain.sh"
command -v go >/dev/null && at_least go1.24 "$(go env GOVERSION)" ||
  left_out "no Go 1.24 or newer; hint: .ci/setup.sh languages, or https://go.dev/dl"
gateway
(cd "$EXAMPLES/go" && GOOS=wasip1 GOARCH=wasm go build -trimpath -buildvcs=false -ldflags='-s -w' -buildmode=c-shared -o "$WORK/core.wasm" .)
componentize "$WORK/core.wasm" --adapt
