#!/usr/bin/env bash
# runaway.sh [--seconds N] [--runaways N] [--others N] [--binary FILE]
#
# What runaways cost: how long a policy that never returns holds a request, and what that does to everybody else.
#
# The gateway has two workers, on any core. Others ask a route without policies, each connection 5 ms after its last
# answer: first by themselves, then beside runaways, connections whose every request loops in the guest until its budget of
# 2 ms is over. The others' answers come from nginx. As many connections of each kind as here make about half of all requests
# loop and keep both cores at work; the lines above the table tell what it was.
#
# Runaways are timed twice. Their client times them from a request sent to its answer read, and waits for a core itself, beside
# the gateway and nginx. The gateway's access log times them from the end of a request's head, which is where the policy is
# called, to the end of its answer: waiting for turns and for a core is part of it, what the client waits for is not.
#
# Needs nginx, wrk, a release build and the test guests:
#   cargo build --release -p tidegate && plugins/build.sh --tests
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
. "$here/compare/measure.sh"

seconds=10 runaways=2 others=4
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift ;;
    --runaways) runaways=$2; shift ;;
    --others) others=$2; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ -x "$binary" ] || die "not built: $binary; hint: cargo build --release -p tidegate"
[ -f "$root/tests/plugins/dist/hostile.wasm" ] || die "the test guests are missing; hint: plugins/build.sh --tests"

mapfile -t cores < <(allowed_cores)
load_core=$(IFS=,; echo "${cores[*]}")
dir=$(mktemp -d)
trap 'stop_all; rm -rf "$dir"' EXIT

start_gateway() {
  fill runaway.toml >"$dir/tidegate.toml"
  "$binary" run -c "$dir/tidegate.toml" --ready-json >"$dir/tidegate.ready" 2>"$dir/tidegate.err" &
  gateway=$!
  await tidegate
  admin=$(sed -n 's/.*"admin":"\([^"]*\)".*/\1/p' "$dir/tidegate.ready")
}

# asks CONNECTIONS PATH PAUSE_MS [NAME VALUE] prints wrk's figures.
asks() {
  local connections=$1 path=$2
  shift 2
  wrk -t1 -c"$connections" -d"${seconds}s" -s "$here/compare/runaway.lua" "http://127.0.0.1:$port$path" -- "$@" |
    sed -n 's/^figures //p'
}

# Calls of the policy that came to this outcome.
calls() {
  exec 9<>"/dev/tcp/${admin%:*}/${admin##*:}"
  printf 'GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$admin" >&9
  awk -v outcome="outcome=\"$1\"" '/^tidegate_policy_calls_total/ && index($0, outcome) { sum += $2 } END { print sum + 0 }' <&9
  exec 9>&- 9<&-
}

# How long the requests of a route took by the access log, as wrk puts it; those alone that were answered 503.
logged() { # logged ROUTE
  sed -n "s/.*\"status\":503,.*\"duration_ms\":\([0-9.]*\),\"route\":\"$1\",.*/\1/p" "$dir/access.log" | sort -n | awk '
    { took[NR] = $1 * 1000 }
    function percentile(p, at) { at = NR * p / 100; return took[at > int(at) ? int(at) + 1 : at] }
    END { print NR, percentile(50), percentile(99), percentile(99.9), took[NR] }'
}

row() { # row TITLE REQUESTS P50 P99 P999 MAX ...
  awk -v title="$1" -v requests="$2" -v p50="$3" -v p99="$4" -v p999="$5" -v most="$6" -v seconds="$seconds" 'BEGIN {
    printf "| %s | %.0f | %.2f | %.2f | %.2f | %.2f |\n", title, requests / seconds, p50 / 1000, p99 / 1000, p999 / 1000, most / 1000 }'
}

# Leaves figures in beside, looping and logged, and in used the ticks of CPU time that the gateway took.
measure_beside() {
  local before after load stopped_before
  stopped_before=$(calls out_of_time)
  : >"$dir/access.log"
  read -r -a before < <(ticks "$gateway")
  asks "$runaways" /hostile 0 x-mode loop >"$dir/runaways" &
  load=$!
  read -r -a beside < <(asks "$others" /items 5)
  wait $load
  read -r -a after < <(ticks "$gateway")
  used=$((after[0] + after[1] - before[0] - before[1]))
  read -r -a looping <"$dir/runaways"
  stopped=$(($(calls out_of_time) - stopped_before))
  sleep 0.5 # lines of the access log are written soon
  read -r -a logged < <(logged hostile)
}

are_both_busy() { ((used * 2 >= seconds * $(getconf CLK_TCK) * 3)); }

load_before=$(cut -d" " -f1 /proc/loadavg)
start_origin
start_gateway
asks "$others" /items 5 >/dev/null # warms up
say "others by themselves: $seconds s"
read -r -a alone < <(asks "$others" /items 5)
# The system spreads connections over the workers, and may give all runaways to one: then no more than one core is busy.
for _ in {1..10}; do
  say "others beside runaways: $seconds s"
  measure_beside
  are_both_busy && break
  say "the gateway used less than one and a half cores: again"
done
are_both_busy || die "the runaways do not keep two workers at work; hint: --runaways 4"
kill -0 "$gateway" || die "the gateway ended"
[ "${alone[6]}${beside[6]}${beside[5]}" = 000 ] || die "requests of others failed: ${alone[*]} / ${beside[*]}"
# A request under way when wrk stops is stopped all the same.
[ "$stopped" -ge "${looping[0]}" ] || die "of ${looping[0]} runaways only $stopped were stopped by their budget"
[ "${logged[0]}" -ge "${looping[0]}" ] || die "of ${looping[0]} runaways the access log has only ${logged[0]}"

describe() {
  echo "- $(date -u +%Y-%m-%d), \`proxy/benches/runaway.sh --seconds $seconds --runaways $runaways --others $others\`, tidegate $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
  echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), ${#cores[@]} cores$(grep -qw hypervisor /proc/cpuinfo && echo ' of a virtual machine'), load average before: $load_before"
  awk -v used=$used -v hz="$(getconf CLK_TCK)" -v seconds="$seconds" -v loops="${looping[0]}" -v others="${beside[0]}" 'BEGIN {
    printf "- beside runaways: %.0f %% of requests looped, the gateway used %.2f cores\n", 100 * loops / (loops + others), used / hz / seconds }'
  echo
  echo '| | requests/s | p50, ms | p99, ms | p99.9, ms | longest, ms |'
  echo '| --- | --: | --: | --: | --: | --: |'
  row 'others, by themselves' "${alone[@]}"
  row 'others, beside runaways' "${beside[@]}"
  row 'runaways (budget 2 ms), at the client' "${looping[@]}"
  row 'runaways (budget 2 ms), by the access log' "${logged[@]}"
}
describe
