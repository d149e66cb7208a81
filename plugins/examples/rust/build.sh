#!/usr/bin/env bash
# Builds dist/key_gate_rust.wasm, as all plugins in Rust are built.
set -euo pipefail
cd "$(dirname "$0")"
command -v cargo >/dev/null || { echo "rust: left out: no Rust; hint: https://rustup.rs" >&2; exit 75; }
../../build.sh ../dist "$PWD"
