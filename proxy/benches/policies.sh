#!/usr/bin/env bash
# policies.sh [--write] [--turns N] [--seconds N] [--binary FILE]
#
# What policies add to a request: one gateway with one worker, three routes to one origin (no policy, an API key, the key and
# a rate limit), and slices of load that take turns, one of nginx without any policy among them: its request is the yardstick that
# tells a slow machine from a slow gateway. A slice is compared with others of its turn, with its neighbour where both policies
# are compared with none, so that a machine which is slower in one minute than in the next changes little; compare.sh starts each
# contestant anew and compares whole rounds.
#
# The gateway has core A to itself (nginx idles there between its slices); origin (nginx) and load generator (wrk, 64
# connections) share core B. CPU is what the scheduler counted for the gateway's threads, in nanoseconds
# (/proc/PID/task/*/schedstat), over the requests that were answered. Between the slices of a turn no process is started or
# stopped but wrk.
#
#   --write   put the table into RESULTS.md, between its markers
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
. "$here/compare/measure.sh"

turns=30 seconds=1 connections=64 write='' pause='' command="proxy/benches/policies.sh${*:+ $*}"
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
while [ $# -gt 0 ]; do
  case $1 in
    --write) write=1 ;;
    --turns) turns=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

take_two_cores
dir=$(mktemp -d)
trap 'stop_all; stop_process "${yardstick:-}"; rm -rf "$dir"' EXIT

# A route for each set of policies, told apart by host, in the place of what contestants.sh configures; see compare/policies.toml.
routes=(plain key limit)
tidegate_config() {
  fill tidegate.toml 'LOG=format = "off"' 'POLICIES=' 'PROTOCOL=http/1.1' CHECK=http "ORIGIN=$origin_port"
  printf '[[route]]\nname = "key"\nhosts = ["key.test"]\nupstream = "origin"\npolicies = ["keys"]\n'
  printf '[[route]]\nname = "limit"\nhosts = ["limit.test"]\nupstream = "origin"\npolicies = ["keys", "limit"]\n'
  fill policies.toml
}

# Nanoseconds that the threads of a process and of its descendants ran.
ran() { # ran PROCESS
  local pid
  for pid in $(family "$1"); do cat "/proc/$pid/task/"*/schedstat 2>/dev/null || true; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# Each answer is looked at once before the load: who does not do its work is not measured.
check_route() { # check_route ROUTE
  local answer anonymous
  answer=$(host=$1.test ask "$port" 'apikey: bench-key-alice') anonymous=$(host=$1.test ask "$port")
  case $1,$anonymous in "plain,HTTP/1.1 200"* | "key,HTTP/1.1 401"* | "limit,HTTP/1.1 401"*) ;; *) die "$1 without a key: ${anonymous%%$'\n'*}" ;; esac
  case $answer in "HTTP/1.1 200"*) ;; *) die "$1: ${answer%%$'\n'*}" ;; esac
  case $1,${answer,,} in
    limit,*ratelimit:*) ;;
    limit,* | *ratelimit:*) die "the route $1 does not do its work" ;;
  esac
}

slice() { # slice TURN ROUTE: prints turn, route, requests, nanoseconds, failures
  local before requests failed process=$gateway port=$port
  if [ "$2" = nginx ]; then process=$yardstick port=$yardstick_port; fi
  before=$(ran "$process")
  read -r requests _ _ _ failed < <(host=$2.test load tidegate "$seconds")
  echo "$1 $2 $requests $(($(ran "$process") - before)) $failed"
}

start_origin
start nginx
check nginx
check_pinned nginx
yardstick=$gateway yardstick_port=$port gateway=
slice 0 nginx >/dev/null
start tidegate
for route in "${routes[@]}"; do
  check_route "$route"
  slice 0 "$route" >/dev/null
done
for ((turn = 1; turn <= turns; turn++)); do
  # Both slices with policies are neighbours of the one without: what they add to it is the figure.
  ordered=(nginx key plain limit)
  if ((turn % 2 == 0)); then ordered=(limit plain key nginx); fi
  for route in "${ordered[@]}"; do slice "$turn" "$route" >>"$dir/slices"; done
done
check_pinned tidegate

{
  describe_machine "turns: $turns, slices of $seconds s"
  echo
  awk -f "$here/compare/sort.awk" -f "$here/compare/policies.awk" "$dir/slices"
} >"$dir/page"
cat "$dir/page"
[ -z "$write" ] || write_page policies
