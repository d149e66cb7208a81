#!/usr/bin/env bash
# Builds dist/key_gate_assemblyscript.wasm.
source "$(dirname "$0")/../toolchain.sh"
node_tools
gateway
(cd "$WORK" && node_modules/.bin/asc key_gate.ts --runtime stub --use abort= -Oz --converge --noAssert \
  --transform ./exports.mjs --outFile core.wasm)
componentize "$WORK/core.wasm"
