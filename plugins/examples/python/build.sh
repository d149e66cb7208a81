#!/usr/bin/env bash
# Builds dist/key_gate_python.wasm: the sources and the interpreter that runs them.
source "$(dirname "$0")/../toolchain.sh"
python_tools
"${PYTHON%/*}/componentize-py" --quiet --wit-path "$EXAMPLES/wit" --world key-gate componentize --stub-wasi \
  --python-path "$EXAMPLES/python" key_gate --output "$WORK/component.wasm"
publish "$WORK/component.wasm"
