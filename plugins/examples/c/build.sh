#!/usr/bin/env bash
# Builds dist/key_gate_c.wasm with Zig's C compiler, which brings a C library for WebAssembly along.
source "$(dirname "$0")/../toolchain.sh"
python_tools
gateway
# A small stack keeps an instance small: Zig's default is 16 MiB.
(cd "$EXAMPLES/c" && "$PYTHON" -m ziglang cc --target=wasm32-wasi -mexec-model=reactor -std=c17 -Oz -s -Wl,-z,stack-size=65536 \
  -Wall -Wextra -Werror -o "$WORK/core.wasm" key_gate.c settings.c generated/gate.c)
componentize "$WORK/core.wasm"
