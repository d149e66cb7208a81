#!/usr/bin/env bash
# swap.sh [--swaps N] [--policies N] [--binary FILE]
#
# What changes cost. First: how long it takes from the moment a plugin's file is replaced to the first answer of the new
# version, seen by a client that asks without a pause over one kept connection, under a second client's load. Then: a
# gateway with N policies on N routes that share one plugin: its start, its memory.
#
# Needs nginx, wrk, python3, a release build and the test guests:
#   cargo build --release -p tidegate && plugins/build.sh --tests
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"

swaps=20 policies=200
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
while [ $# -gt 0 ]; do
  case $1 in
    --swaps) swaps=$2; shift ;;
    --policies) policies=$2; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ -x "$binary" ] || die "not built: $binary; hint: cargo build --release -p tidegate"
guests=$root/tests/plugins/dist
[ -f "$guests/greeter_v2.wasm" ] || die "the test guests are missing; hint: plugins/build.sh --tests"

dir=$(mktemp -d)
gateway=
trap 'stop_all; rm -rf "$dir"' EXIT
mapfile -t cores < <(allowed_cores)
load_core=${cores[0]}

begin() { # begin FILE: leaves the gateway's port in $port and how long the start took, in ms, in $took
  local began
  began=$(date +%s%N)
  : >"$dir/tidegate.ready" # what the last one said
  "$binary" run -c "$1" --ready-json >"$dir/tidegate.ready" 2>"$dir/tidegate.err" &
  gateway=$!
  await tidegate
  took=$((($(date +%s%N) - began) / 1000000))
}

measure_swaps() {
  python3 - "$port" "$dir/greeter.wasm" "$guests" "$swaps" <<'PYTHON'
import http.client, os, shutil, statistics, sys, time
port, file, guests, swaps = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
client = http.client.HTTPConnection("127.0.0.1", port)
client.connect()
socket, asked, failed, took = client.sock, 0, 0, []

def version():
    global asked, failed
    client.request("GET", "/")
    answer = client.getresponse()
    answer.read()
    asked += 1
    failed += answer.status != 200
    return answer.getheader("x-version")

for swap in range(swaps):
    new = str(2 - swap % 2)
    assert version() != new
    shutil.copy(f"{guests}/greeter_v{new}.wasm", file + ".new")
    replaced = time.monotonic()
    os.rename(file + ".new", file)
    while version() != new:
        pass
    took.append(1000 * (time.monotonic() - replaced))
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        assert version() == new, "a stale decision after the new version was seen"
assert client.sock is socket, "the connection was closed"
print(f"| plugin replaced to first new decision, {swaps} times | {statistics.median(took):.0f} ms | {max(took):.0f} ms | {asked} asked over one connection, {failed} failed |")
PYTHON
}

many() { # many N: a gateway with so many policies and routes, of one plugin
  sed '/^\[\[policy/,$d' "$dir/swap.toml"
  printf '[[upstream]]\nname = "origin"\n[[upstream.endpoint]]\naddress = "127.0.0.1:%s"\n' "$origin_port"
  for n in $(seq "$1"); do
    printf '[[policy]]\nname = "p%s"\nplugin = "greeter"\n[[route]]\nname = "r%s"\nupstream = "origin"\npath = { prefix = "/%s" }\npolicies = ["p%s"]\n' "$n" "$n" "$n" "$n"
  done
}

# What the gateway has compiled, and the instances that are alive.
plugins() {
  local admin
  admin=$(sed -n 's/.*"admin":"\([^"]*\)".*/\1/p' "$dir/tidegate.ready")
  curl -s --fail "http://$admin/plugins" | python3 -c '
import json, sys
def walk(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value: yield from walk(item)
found = list(walk(json.load(sys.stdin)))
compiled = {item["sha256"] for item in found if "sha256" in item}
alive = [item["instances"] for item in found if isinstance(item.get("instances"), int)]
print(f"{len(compiled)} | {sum(alive)}, {max(alive)} of one policy")'
}

measure_many() { # measure_many N: a row of the second table
  local first fresh round n
  many "$1" >"$dir/many.toml"
  begin "$dir/many.toml"
  first=$took fresh=$(memory)
  for round in 1 2 3; do
    for n in $(seq "$1"); do echo "url = \"http://127.0.0.1:$port/$n\""; echo 'output = "/dev/null"'; done | curl -s --fail --config -
  done
  echo "| $1 on as many routes | $first | $fresh | $(memory) | $(plugins) |"
  stop_process "$gateway"
  gateway=
}

memory() { awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$gateway/status"; }

load_before=$(cut -d" " -f1 /proc/loadavg)
start_origin
fill swap.toml >"$dir/swap.toml"
cp "$guests/greeter_v1.wasm" "$dir/greeter.wasm"
begin "$dir/swap.toml"
wrk -t1 -c8 -d$((swaps * 2))s "http://127.0.0.1:$port/" >"$dir/load" &
load=$!
swapped=$(measure_swaps)
kill $load 2>/dev/null || true
stop_process "$gateway"
gateway=

measure_many 1 >"$dir/rows"
measure_many "$policies" >>"$dir/rows"

echo "- $(date -u +%Y-%m-%d), \`proxy/benches/swap.sh --swaps $swaps --policies $policies\`, tidegate $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), ${#cores[@]} cores$(grep -qw hypervisor /proc/cpuinfo && echo ' of a virtual machine'), load average before: $load_before"
echo
echo '| | median | longest | |'
echo '| --- | --: | --: | --- |'
echo "$swapped"
echo
echo '| policies of one plugin | start, ms | resident, MiB | after three requests to each route, MiB | compiled | instances alive |'
echo '| --- | --: | --: | --: | --: | --- |'
cat "$dir/rows"
