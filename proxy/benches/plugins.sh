#!/usr/bin/env bash
# plugins.sh [--write] [--calls N] [--runs N] [--binary FILE]
#
# What a call of each shipped plugin costs: `tidegate plugin bench` of one case of its table, the one most requests are like.
# Nothing is remembered between calls. Runs of all plugins follow one another in turns, so that a machine that changes its speed
# meets all alike. Fresh is a call with an instance of its own, as `instances = "per-request"` makes them.
#
#   --write   put the table into RESULTS.md, between its markers
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
. "$here/compare/measure.sh"

calls=20000 runs=5 write='' command="proxy/benches/plugins.sh $*"
binary=${CARGO_TARGET_DIR:-$root/target}/release/tidegate
while [ $# -gt 0 ]; do
  case $1 in
    --write) write=1 ;;
    --calls) calls=$2; shift ;;
    --runs) runs=$2; shift ;;
    --binary) binary=$(realpath "$2"); shift ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ -x "$binary" ] || die "not built: $binary; hint: cargo build --release -p tidegate"

# plugin|case
rows=(
  'api-key|a known key identifies its consumer and ends here'
  'basic-auth|a name with its password identifies its consumer, and ends here'
  'client-certificate|a known certificate identifies its consumer, and ends here'
  'hmac-auth|another path makes it wrong'
  'jwt|a token that is right identifies its consumer, and goes on to the upstream'
  'forward-auth|who is vouched for goes on with what the answer says, and with nothing it says itself'
  'rate-limit|a limit that nobody reaches is told as well'
  'concurrency-limit|a request that finds a place passes untouched'
  'request-size|a small request passes untouched'
  'acl|a consumer with an allowed tag passes untouched'
  'ip-restriction|a client of an allowed network passes untouched'
  'bot-rules|a browser passes untouched'
  'cors|a page of an allowed origin may read'
  'headers|an identified client is named, and what it sends under that name is replaced'
  'rewrite|an expression changes the path, and the query goes along byte for byte'
  'redirect|a request in the clear is sent to TLS, with path and query'
  'security-headers|over TLS there is HSTS'
  'mock|a request that fits is answered'
  'json-body|JSON passes, without the digests of what it was'
  'correlation-id|a request without an id gets one, and the client is told'
  'least-latency|the quickest is picked'
  'sticky-cookie|a client comes back to its endpoint'
  'canary|a client that nobody chose goes to the others'
  'zone-aware|an endpoint of the zone is picked, however busy it is'
)

call() { # call PLUGIN CASE [OPTION]: prints nanoseconds, the median of its calls
  taskset -c "$core" "$binary" plugin bench "$root/plugins/dist/${1//-/_}.wasm" --cases "$root/plugins/$1/cases.toml" --case "$2" \
    --calls "$calls" --json "${@:3}" | sed -n 's/.*"call":{[^}]*"median_ns":\([0-9]*\).*/\1/p'
}

figures() { # figures FILE ROW: of its runs the fastest and the median one, in microseconds
  grep -F " $2" "$dir/$1" | sort -n | awk '{ took[NR] = $1 } END { printf "%.2f | %.2f", took[1] / 1000, took[int((NR + 1) / 2)] / 1000 }'
}

core=$(allowed_cores | head -1)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for ((run = 1; run <= runs; run++)); do
  say "run $run of $runs"
  for row in "${rows[@]}"; do
    took=$(call "${row%%|*}" "${row#*|}") fresh=$(call "${row%%|*}" "${row#*|}" --per-request)
    [ -n "$took" ] && [ -n "$fresh" ] || die "not measured: $row"
    echo "$took $row" >>"$dir/calls"
    echo "$fresh $row" >>"$dir/fresh"
  done
done

{
  echo "- $(date -u +%Y-%m-%d), \`$command\`: $runs runs of $calls calls"
  echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores$(grep -qw hypervisor /proc/cpuinfo && echo ' of a virtual machine'), tidegate $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
  echo
  echo '| plugin | case | of the fastest run, us | median of the runs, us | fresh: of the fastest run, us | median of the runs, us |'
  echo '| --- | --- | --: | --: | --: | --: |'
  for row in "${rows[@]}"; do
    echo "| \`${row%%|*}\` | ${row#*|} | $(figures calls "$row") | $(figures fresh "$row") |"
  done
} >"$dir/page"
cat "$dir/page"
if [ -n "$write" ]; then write_page plugins; fi
