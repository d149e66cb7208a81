#!/usr/bin/env bash
# compare.sh [--write] [--rounds N] [--seconds N] [--only NAME,NAME...] [--binary FILE] [--rig FILE] [--pause MS] [--callgrind]
#
# What a proxied request costs: tidegate beside nginx (and HAProxy where it is installed), in one run, on this machine.
#
# The gateway under test has core A to itself, one worker. The origin (nginx, answering from memory) and the load
# generator (wrk, 64 kept-alive connections) share core B. Every round starts each contestant anew, warms it up and
# measures it; the order turns round from one round to the next, so that a drift of the machine meets all alike. Ratios
# are taken within a round. WebSocket messages are echoed by the rig, and sent by it; gRPC calls are made by h2load and
# answered by nghttpd. CPU is user + system time of all processes of the gateway, from /proc.
#
#   --write      put the table into RESULTS.md, between its markers
#   --only       of: nginx nginx-again tidegate haproxy nginx-log tidegate-log nginx-key tidegate-key nginx-limit tidegate-limit
#                nginx-websocket tidegate-websocket nginx-grpc tidegate-grpc
#   --pause MS   each connection waits so long before its next request: all contestants serve nearly the same rate, and the processes
#                around them sleep alike. Without, a slower one lets them sleep more and pays for waking them
#   --callgrind  count instructions per request instead of time (needs valgrind; steadier, and blind to the kernel)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
. "$here/compare/measure.sh"

rounds=5 seconds=5 connections=64 only='' write='' callgrind='' pause='' command="proxy/benches/compare.sh $*"
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
rig=${CARGO_TARGET_DIR:-$root/target}/quick/examples/rig
while [ $# -gt 0 ]; do
  case $1 in
    --write) write=1 ;;
    --callgrind) callgrind=1 ;;
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --pause) pause=$2; shift ;;
    --only) only=${2//,/ }; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    --rig) rig=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

take_two_cores
dir=$(mktemp -d)
trap 'stop_all; rm -rf "$dir"' EXIT

contestants=()
for name in ${only:-nginx tidegate haproxy nginx-again nginx-log tidegate-log nginx-key tidegate-key nginx-limit tidegate-limit nginx-websocket tidegate-websocket nginx-grpc tidegate-grpc}; do
  if is_here "$name"; then contestants+=("$name"); else say "left out, not installed or not built: $name"; fi
done
[ "${#contestants[@]}" -gt 0 ] || die "nothing to measure: build with  cargo build --release -p tidegate"

start_origin
case " ${contestants[*]} " in *-websocket*) start_websocket_origin ;; esac
case " ${contestants[*]} " in *-grpc*) start_grpc_origin ;; esac
if [ -n "$callgrind" ]; then
  how='a load of 12 s less one of 2 s'
  count_instructions "${contestants[@]}" >"$dir/table"
else
  how="rounds: $rounds of $seconds s${pause:+, $pause ms between an answer and the next request of its connection}"
  for ((round = 1; round <= rounds; round++)); do
    ordered=("${contestants[@]}")
    if ((round % 2 == 0)); then mapfile -t ordered < <(printf '%s\n' "${contestants[@]}" | tac); fi
    for name in "${ordered[@]}"; do measure_round "$round" "$name" >>"$dir/rounds"; done
  done
  # The table lists the contestants in the order of the first round.
  sort -s -n -k1,1 "$dir/rounds" | awk -v hz="$(getconf CLK_TCK)" -v flag=5 -f "$here/compare/sort.awk" -f "$here/compare/table.awk" >"$dir/table"
fi

{
  describe_machine "$how"
  echo
  cat "$dir/table"
} >"$dir/page"
cat "$dir/page"
if [ -n "$write" ]; then
  mark=compare
  [ -z "$pause" ] || mark=rate
  [ -z "$callgrind" ] || mark=instructions
  write_page $mark
fi
