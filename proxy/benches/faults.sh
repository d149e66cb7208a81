#!/usr/bin/env bash
# faults.sh [--write] [--rate N] [--only NAME,...] [--scenarios NAME,...] [--binary FILE] [--rig FILE]
#
# What clients notice of endpoints that die, hang, slow down and lie: tidegate beside nginx and HAProxy, on this machine.
#
# Three endpoints, each a process of its own that works 5 ms on a request. In front of them one gateway, on as many cores as
# there are. A client asks N times a second, whatever comes back; one request in five is a POST with a number of its own, and
# endpoints note the numbers they execute before they answer. After 2 s something happens, and after 6 s more it is over; the
# client goes on for 4 s. Each scenario has fresh processes. Requests are timed from when they were due.
#
#   --write      put the table into RESULTS.md, between its markers
#   --only       of: tidegate nginx haproxy (round robin), tidegate-least nginx-least haproxy-least (by what is under way)
#   --scenarios  of: nothing refused killed hung slow resetting half long short garbage rolling flapping network
#
# A bad network needs root, iproute2 and the kernel's netem; where they are not, endpoints imitate it, and that is said.
# Built by:  cargo build --release -p tidegate && cargo build --profile quick -p tidegate --example rig
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
. "$here/compare/measure.sh"
. "$here/faults/scenarios.sh"

rate=1000 only='tidegate nginx haproxy' wanted=${scenarios[*]} write='' command="proxy/benches/faults.sh${*:+ $*}"
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
rig=${CARGO_TARGET_DIR:-$root/target}/quick/examples/rig
while [ $# -gt 0 ]; do
  case $1 in
    --write) write=1 ;;
    --rate) rate=$2; shift ;;
    --only) only=${2//,/ }; shift ;;
    --scenarios) wanted=${2//,/ }; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    --rig) rig=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
for name in $only; do balancer "$name" >/dev/null; done
for name in $wanted; do [ -n "$(what_happens "$name")" ] || die "no such scenario: $name"; done
[ -x "$rig" ] || die "not built: $rig; hint: cargo build --profile quick -p tidegate --example rig"

declare -A endpoint=() address=() endpoint_port=()
dir=$(mktemp -d)
link=faults$$
trap 'stop_process "${client:-}"; stop_endpoints; stop_process "${gateway:-}"; close_network; rm -rf "$dir"' EXIT
endpoint_port[a]=$(free_port 18180)
endpoint_port[b]=$(free_port $((endpoint_port[a] + 1)))
endpoint_port[c]=$(free_port $((endpoint_port[b] + 1)))
gateway_port=$(free_port $((endpoint_port[c] + 1)))

contestants=()
for name in $only; do
  if is_here "$name"; then contestants+=("$name"); else say "left out, not installed or not built: $name"; fi
done
[ "${#contestants[@]}" -gt 0 ] || die "nothing to look at: build with  cargo build --release -p tidegate"

# One scenario behind one gateway: prints the client's figures.
measure() { # measure SCENARIO NAME
  local start=2 over=8 seconds=12
  case $1 in nothing | refused) seconds=5 ;; esac
  start_endpoints
  start_gateway "$2"
  [ "$1" != refused ] || kill_endpoint b
  "$rig" load --address "127.0.0.1:$port" --rate "$rate" --seconds $seconds --strike $start \
    --executed "$dir/a.executed" --executed "$dir/b.executed" --executed "$dir/c.executed" >"$dir/figures" &
  client=$!
  local begin=$EPOCHREALTIME
  sleep_until "$begin" $start
  strike "$1"
  if ((seconds > over)); then
    sleep_until "$begin" $over
    heal "$1"
  fi
  wait $client
  client=''
  kill -0 "$gateway" 2>/dev/null || die "$2 ended: $(tail -3 "$dir/$2.err")"
  # What it still waits for, nobody does any more. nginx would leave its workers behind.
  case $2 in nginx*) kill -TERM "$gateway" ;; *) kill -KILL "$gateway" ;; esac
  wait "$gateway" 2>/dev/null || true
  gateway=''
  stop_endpoints
  cat "$dir/figures"
}

sleep_until() { # sleep_until BEGIN SECONDS
  local left
  left=$(awk -v begin="$1" -v now="$EPOCHREALTIME" -v seconds="$2" 'BEGIN { left = begin + seconds - now; print (left > 0 ? left : 0) }')
  sleep "$left"
}

load_before=$(cut -d' ' -f1 /proc/loadavg)
for scenario in $wanted; do
  [ "$scenario" != network ] || open_network
  for name in "${contestants[@]}"; do
    say "$scenario: $name"
    measure "$scenario" "$name" >"$dir/line"
    printf '%s\t%s\t%s\n' "$(what_happens "$scenario")" "$name" "$(cat "$dir/line")" >>"$dir/lines"
  done
  close_network
done

{
  echo "- $(date -u +%Y-%m-%d), \`$command\`: $rate requests a second, one in five a POST"
  echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores$(grep -qw hypervisor /proc/cpuinfo && echo ' of a virtual machine'), Linux $(uname -r), load average before: $load_before"
  echo "- $(versions), tidegate $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
  echo
  awk -f "$here/faults/table.awk" "$dir/lines"
} >"$dir/page"
cat "$dir/page"
[ -z "$write" ] || write_page faults
