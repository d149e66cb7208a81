#!/usr/bin/env bash
# Builds dist/key_gate_javascript.wasm: the sources and the engine that runs them.
source "$(dirname "$0")/../toolchain.sh"
node_tools
# Without these features the engine imports no WASI.
"$MODULES/.bin/componentize-js" "$EXAMPLES/javascript/key_gate.js" --wit "$EXAMPLES/wit" --world-name key-gate \
  --disable stdio random clocks http fetch-event --out "$WORK/component.wasm"
publish "$WORK/component.wasm"
