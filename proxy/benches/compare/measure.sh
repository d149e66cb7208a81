# shellcheck shell=bash disable=SC2154,SC2013 # sourced by compare.sh
# One round of one contestant, in time or in instructions, with the checks that make the figures worth printing.

load() { # load NAME SECONDS: prints requests, duration, p50, p99 (all in us), failures; over HTTP/1.1 for $host where that is set
  case $1 in
    *-websocket) taskset -c "$load_core" "$rig" websocket-load --address "127.0.0.1:$port" --connections "$connections" --seconds "$2" ;;
    *-grpc) calls "$2" ;;
    *)
      taskset -c "$load_core" wrk -t1 -c"$connections" -d"$2s" -s "$here/compare/figures.lua" \
        ${host:+-H "Host: $host"} -H 'apikey: bench-key-alice' "http://127.0.0.1:$port/items" -- ${pause:+"$pause"} | sed -n 's/^figures //p'
      ;;
  esac
}

# h2load's log has when, status and how long of each call.
calls() { # calls SECONDS
  rm -f "$dir/calls"
  taskset -c "$load_core" h2load -t1 -c"$connections" -m1 -D"$1" -d "$dir/message" -H 'content-type: application/grpc' -H 'te: trailers' \
    --log-file="$dir/calls" "http://127.0.0.1:$port/shop.Items/List" >"$dir/h2load"
  sort -n -k3,3 "$dir/calls" | awk -v seconds="$1" '
    { took[NR] = $3 } $2 != 200 { failed++ }
    END { print NR, seconds * 1e6, took[int(NR * 0.5) + 1], took[int(NR * 0.99) + 1], failed + 0 }'
}

# The process and all its descendants.
family() {
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do family "$child"; done
}

# User and system ticks of the family, with those of children that have ended.
ticks() {
  local pid
  for pid in $(family "$1"); do cat "/proc/$pid/stat" 2>/dev/null || true; done |
    awk '{ sub(/.*\) /, ""); user += $12 + $14; kernel += $13 + $15 } END { print user + 0, kernel + 0 }'
}

# Ticks in which the core ran any program, and ticks in all.
core_ticks() { awk -v core="cpu$1" '$1 == core { print $2 + $3 + $4, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat; }

established() { # connections that the gateway's port has accepted
  awk -v port="$(printf ':%04X$' "$port")" '$2 ~ port && $4 == "01"' /proc/net/tcp | wc -l
}

# Every thread of the gateway may run on its core alone, or the figures mean nothing.
check_pinned() {
  local pid
  for pid in $(family "$gateway"); do cat "/proc/$pid/task/"*/status 2>/dev/null || true; done |
    awk -v core="$gateway_core" '/^Cpus_allowed_list/ && $2 != core { bad = 1 } END { exit bad }' || die "$1 does not keep to core $gateway_core"
}

measure_round() { # measure_round ROUND NAME: prints one line for table.awk
  local round=$1 name=$2 before after core_before core_after open
  say "round $round of $rounds: $name"
  start "$name"
  check "$name"
  load "$name" 1 >/dev/null
  read -r -a before < <(ticks "$gateway")
  read -r -a core_before < <(core_ticks "$gateway_core")
  load "$name" "$seconds" >"$dir/figures" &
  local wrk=$!
  sleep "$((seconds / 2))"
  open=$(established)
  while [ "$open" != "$connections" ] && kill -0 $wrk 2>/dev/null; do sleep 0.1; open=$(established); done
  check_pinned "$name"
  wait $wrk
  read -r -a after < <(ticks "$gateway")
  read -r -a core_after < <(core_ticks "$gateway_core")
  check "$name"
  stop_process "$gateway"
  gateway=
  rm -f "$dir/access.log"
  [ "$open" = "$connections" ] || die "$name had $open connections open, not $connections"

  local requests duration p50 p99 failed
  read -r requests duration p50 p99 failed <"$dir/figures"
  local user=$((after[0] - before[0])) kernel=$((after[1] - before[1]))
  local ran=$((core_after[0] - core_before[0])) all=$((core_after[1] - core_before[1]))
  awk -v OFS='\t' -v round="$round" -v name="$name" -v reference="$(reference "$name")" -v title="$(title "$name")" \
    -v requests="$requests" -v duration="$duration" -v user=$user -v kernel=$kernel -v p50="$p50" -v p99="$p99" \
    -v failed="$failed" -v ran=$ran -v all=$all -v open="$open" 'BEGIN {
      foreign = ran - user - kernel
      print round, name, reference, title, requests, duration / 1e6, user, kernel, p50, p99, failed,
        100 * (user + kernel) / all, 100 * (foreign > 0 ? foreign : 0) / all, open
    }'
}

# Instructions in user space per request: the difference of two runs, so that start-up and connecting cancel.
count_instructions() {
  command -v valgrind >/dev/null || die "valgrind is missing: apt-get install valgrind"
  local name few many
  echo '| gateway | instructions per request, user space |'
  echo '| --- | --: |'
  for name in "$@"; do
    # Plugins are compiled by a child that is the program itself, which valgrind does not let it be.
    case $name in haproxy | *-again | *-websocket | *-grpc | tidegate-key | tidegate-limit) continue ;; esac
    say "counting: $name"
    start "$name" valgrind -q --tool=callgrind --callgrind-out-file="$dir/callgrind.$name"
    check "$name"
    load "$name" 5 >/dev/null
    few=$(counted "$name" 2)
    many=$(counted "$name" 12)
    stop_process "$gateway"
    gateway=
    awk -v few="$few" -v many="$many" -v title="$(title "$name")" 'BEGIN {
      split(few, a, " "); split(many, b, " ")
      printf "| %s | %.0f |\n", title, (b[1] - a[1]) / (b[2] - a[2])
    }'
  done
}

# Runs a load and prints the instructions it took and its number of requests.
counted() { # counted NAME SECONDS
  local requests
  callgrind_control --zero "$gateway" >/dev/null 2>&1
  requests=$(load "$1" "$2" | cut -d' ' -f1)
  rm -f "$dir/callgrind.$1".*
  callgrind_control --dump "$gateway" >/dev/null 2>&1
  echo "$(cat "$dir/callgrind.$1".* | awk '/^totals:/ { sum += $2 } END { print sum }') $requests"
}

describe_machine() { # describe_machine HOW
  local version
  version=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
  echo "- $(date -u +%Y-%m-%d), \`$command\`: $1, $connections connections"
  echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores$(grep -qw hypervisor /proc/cpuinfo && echo ' of a virtual machine'), Linux $(uname -r)"
  echo "- $(versions), $(wrk -v 2>&1 | sed -n '1s/ \[.*//p'), tidegate $version"
}

versions() { # of the others
  echo "$(nginx -v 2>&1 | sed 's/.*: //')$(is_here haproxy && haproxy -v | sed -n '1s/HAProxy version \([^ ]*\).*/, HAProxy \1/p')"
}

# write_page MARK: puts $dir/page into RESULTS.md, between the markers of that name.
write_page() {
  grep -qxF "<!-- $1:begin -->" "$here/RESULTS.md" || die "RESULTS.md has no place for $1"
  awk -v mark="$1" -v page="$dir/page" '
    $0 == "<!-- " mark ":end -->" { skip = 0 }
    !skip
    $0 == "<!-- " mark ":begin -->" { while ((getline line < page) > 0) print line; skip = 1 }
  ' "$here/RESULTS.md" >"$dir/results"
  cp "$dir/results" "$here/RESULTS.md"
  say "written to proxy/benches/RESULTS.md"
}
