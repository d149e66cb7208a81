#!/usr/bin/env bash
# checks.sh [--kind http|tcp|none] [--reuse true|false] [--upstreams N] [--endpoints N] [--interval SECONDS] [--seconds N] [--binary FILE] [--rig FILE]
#
# What active checks cost by themselves: a gateway with so many upstreams of so many endpoints, each checked once in an
# interval, and no traffic; kind "none" makes no checks and shows what the gateway does besides. Every endpoint has an
# address of its own; one process answers for all of them, on another core. CPU is user + system time of the gateway,
# from /proc, once every endpoint has been checked.
#
# Built by:  cargo build --release -p tidegate && cargo build --profile quick -p tidegate --example rig
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
. "$here/compare/measure.sh"

kind=http reuse= upstreams=1000 endpoints=10 interval=10 seconds=60 command="proxy/benches/checks.sh${*:+ $*}"
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
rig=${CARGO_TARGET_DIR:-$root/target}/quick/examples/rig
while [ $# -gt 0 ]; do
  case $1 in
    --kind) kind=$2; shift ;;
    --reuse) reuse=$2; shift ;;
    --upstreams) upstreams=$2; shift ;;
    --endpoints) endpoints=$2; shift ;;
    --interval) interval=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    --rig) rig=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ -x "$binary" ] || die "not built: $binary; hint: cargo build --release -p tidegate"
[ -x "$rig" ] || die "not built: $rig; hint: cargo build --profile quick -p tidegate --example rig"

mapfile -t cores < <(allowed_cores)
gateway_core=${cores[0]} load_core=${cores[-1]}
dir=$(mktemp -d)
trap 'stop_process "${gateway:-}"; stop_process "${origin:-}"; rm -rf "$dir"' EXIT

# Endpoint n is 127.0.HIGH.LOW, so that no two checks are the same.
config() {
  awk -v upstreams="$upstreams" -v endpoints="$endpoints" -v interval="$interval" -v kind="$kind" -v reuse="$reuse" -v port="$origin_port" 'BEGIN {
    print "[access_log]\nformat = \"off\"\n[admin]\naddress = \"127.0.0.1:0\"\n[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\""
    for (u = 0; u < upstreams; u++) {
      printf "[[upstream]]\nname = \"u%d\"\n", u
      if (kind != "none") printf "[upstream.health]\nkind = \"%s\"\ninterval = \"%ds\"\n", kind, interval
      if (reuse != "" && kind == "http") print "reuse_connection = " reuse
      for (e = 0; e < endpoints; e++) {
        n = u * endpoints + e
        printf "[[upstream.endpoint]]\naddress = \"127.0.%d.%d:%d\"\n", n / 250, n % 250 + 1, port
      }
      printf "[[route]]\nname = \"r%d\"\nupstream = \"u%d\"\npath = { prefix = \"/%d\" }\n", u, u, u
    }
  }'
}

memory() { awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$gateway/status"; }

# checked [RESULT]: checks that ended, or that ended so.
checked() {
  exec 9<>"/dev/tcp/${admin%:*}/${admin##*:}"
  printf 'GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$admin" >&9
  awk -v result="${1:-}" '/^tidegate_health_checks_total/ && index($0, result) { sum += $2 } END { print sum + 0 }' <&9
  exec 9>&- 9<&-
}

load_before=$(cut -d' ' -f1 /proc/loadavg)
taskset -c "$load_core" "$rig" endpoint --listen "0.0.0.0:$origin_port" --work-ms 0 2>"$dir/origin.err" &
origin=$!
config >"$dir/tidegate.toml"
began=$(date +%s%N)
: >"$dir/tidegate.ready"
taskset -c "$gateway_core" "$binary" run -c "$dir/tidegate.toml" --ready-json >"$dir/tidegate.ready" 2>"$dir/tidegate.err" &
gateway=$!
await tidegate
started=$((($(date +%s%N) - began) / 1000000))
admin=$(sed -n 's/.*"admin":"\([^"]*\)".*/\1/p' "$dir/tidegate.ready")
fresh=$(memory)
say "all checked once: $interval s"
sleep $((interval + 2))
before_checks=$(checked) before_failed=$(checked failed)
read -r -a before < <(ticks "$gateway")
say "measured: $seconds s"
sleep "$seconds"
read -r -a after < <(ticks "$gateway")
checks=$(($(checked) - before_checks))
expected=$((upstreams * endpoints * seconds / interval))
failed=$(($(checked failed) - before_failed))
[ "$kind" = none ] || ((checks * 100 > expected * 90)) || die "only $checks checks were made, not about $expected"

echo "- $(date -u +%Y-%m-%d), \`$command\`, tidegate $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores$(grep -qw hypervisor /proc/cpuinfo && echo ' of a virtual machine'), load average before: $load_before"
echo
echo '| kind | upstreams | endpoints each | checks/s | failed | CPU, of one core | user | system | a check, us | start, ms | resident at the start, MiB | after, MiB |'
echo '| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |'
awk -v user=$((after[0] - before[0])) -v kernel=$((after[1] - before[1])) -v hz="$(getconf CLK_TCK)" -v seconds="$seconds" \
  -v checks="$checks" -v failed="$failed" -v kind="$kind" -v upstreams="$upstreams" -v endpoints="$endpoints" -v started="$started" -v fresh="$fresh" -v used="$(memory)" 'BEGIN {
    printf "| %s | %d | %d | %.0f | %d | %.1f %% | %.1f %% | %.1f %% | %.0f | %d | %d | %d |\n", kind, upstreams, endpoints, checks / seconds, failed,
      100 * (user + kernel) / hz / seconds, 100 * user / hz / seconds, 100 * kernel / hz / seconds,
      checks ? 1e6 * (user + kernel) / hz / checks : 0, started, fresh, used
  }'
