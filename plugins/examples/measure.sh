#!/usr/bin/env bash
# measure.sh [LANGUAGE...]
#
# Prints a table of what key-gate costs in each language that is in dist/, by `tidegate plugin bench`: a request with a known
# key, by an instance that serves many and by one of its own. TIDEGATE names the gateway; only one built for release tells what
# production does.
set -euo pipefail
cd "$(dirname "$0")"
gateway=${TIDEGATE:-${CARGO_TARGET_DIR:-../../target}/release/tidegate}
[ -x "$gateway" ] || { echo "measure: no gateway at $gateway; hint: cargo build --release -p tidegate" >&2; exit 1; }
[ $# -gt 0 ] || set -- rust c assemblyscript go javascript python

# What the README of the language asks for.
memory() {
  case $1 in javascript) echo 64MiB ;; python) echo 32MiB ;; *) echo 16MiB ;; esac
}

row() { # LANGUAGE JSON JSON_OF_FRESH_INSTANCES
  python3 - "$1" "$2" "$3" "$(wc -c <"dist/key_gate_$1.wasm")" <<'PYTHON'
import json, sys
language, figures, fresh, size = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
us = lambda ns: f"{ns / 1000:.1f} us"
memory = figures["memory_bytes"] or 0
print(f"| {language} | {size / 1000:.0f} KB | {figures['load_ns'] / 1e6:.0f} ms | {memory / 2**20:.1f} MiB "
      f"| {us(figures['bind']['median_ns'])} | {us(figures['first_call']['median_ns'])} "
      f"| {us(figures['call']['median_ns'])} | {us(figures['call']['p99_ns'])} | {us(fresh['call']['median_ns'])} |")
PYTHON
}

bench() { # LANGUAGE [OPTION]
  "$gateway" plugin bench "dist/key_gate_$1.wasm" --json --request 'GET /items' -H 'apikey: alice-key' \
    --consumer alice=alice-key --memory "$(memory "$1")" "${@:2}"
}

echo "- $(date -u +%Y-%m-%d), \`plugins/examples/measure.sh\`"
echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), tidegate $(git describe --always --dirty 2>/dev/null || echo unknown)"
echo
echo "| language | component | load | memory of an instance | bind | first call | call | call, 99 % | call, fresh instance |"
echo "| --- | --: | --: | --: | --: | --: | --: | --: | --: |"
for language in "$@"; do
  [ -f "dist/key_gate_$language.wasm" ] || { echo "measure: $language is not built, left out" >&2; continue; }
  row "$language" "$(bench "$language")" "$(bench "$language" --per-request)"
done
