#!/usr/bin/env bash
# pgo.sh: the release build, with the optimiser trained by a load first. Leaves target/pgo/tidegate.
#
# Builds an instrumented gateway, drives it with compare/training.lua (browsers, API clients, uploads, errors, refused and
# closing clients; with and without access log, policies, calls of plugins and health checks) and with HTTP/2 where h2load is
# there, and builds again with what it learnt. The load is not the benchmark's: a profile of the measured request alone would
# flatter the figures and help nobody.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/compare/contestants.sh"
cd "$root"

seconds=${1:-10}
target=${CARGO_TARGET_DIR:-$root/target}
host=$(rustc -vV | sed -n 's/^host: //p')
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
cache=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}

# llvm-profdata of the LLVM that rustc is built on; another one cannot read its profiles.
find_profdata() {
  local own debian=$cache/tools/llvm-$llvm
  own=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
  if [ ! -x "$own" ] && [ -z "${WASM_NO_RUSTUP:-}" ]; then rustup component add llvm-tools >/dev/null 2>&1 || true; fi
  if [ -x "$own" ]; then
    profdata=("$own")
  elif command -v "llvm-profdata-$llvm" >/dev/null; then
    profdata=("llvm-profdata-$llvm")
  else
    unpack_debian "$debian" || die "no llvm-profdata of LLVM $llvm: run  rustup component add llvm-tools"
    profdata=(env "LD_LIBRARY_PATH=$(dirname "$(find "$debian" -name 'libLLVM*.so*' -type f | head -1)")" "$debian/usr/lib/llvm-$llvm/bin/llvm-profdata")
  fi
}

# Debian's package of it, unpacked beside the system instead of installed into it.
unpack_debian() {
  [ ! -x "$1/usr/lib/llvm-$llvm/bin/llvm-profdata" ] || return 0
  command -v apt-get >/dev/null || return 1
  say "unpacking Debian's llvm-$llvm into $1"
  rm -rf "$1"
  mkdir -p "$1"
  (
    cd "$1"
    apt-get download "llvm-$llvm" "libllvm$llvm" >/dev/null 2>&1 || exit 1
    for package in *.deb; do dpkg-deb -x "$package" . && rm "$package"; done
  )
}

build() { # build FLAGS TARGET_DIRECTORY
  # With --target the flags reach the gateway and its crates, not the programs that run during the build.
  env "CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$host")_RUSTFLAGS=$1" \
    cargo build --locked --release -p tidegate --target "$host" --target-dir "$2"
}

mix() { # mix CONNECTIONS: HTTP/1.1
  taskset -c "$load_core" wrk -t1 -c"$1" -d"${seconds}s" -s "$here/compare/training.lua" "http://127.0.0.1:$port/"
}

pages() { # pages CONNECTIONS: HTTP/2, several requests at once on each
  local path urls=()
  for path in 'items?page=2&sort=name' items/17 items/18 empty missing files/64k; do urls+=("http://127.0.0.1:$port/$path"); done
  streams "$1" 8 -H 'accept: application/json' -H 'cookie: session=0b1f7d6c5a4e3928' -H 'apikey: bench-key-bob' "${urls[@]}"
}

messages() { # messages CONNECTIONS: calls by HTTP/2 that send something
  streams "$1" 4 -d "$dir/form" -H 'content-type: application/grpc+proto' -H 'te: trailers' -H 'grpc-timeout: 2S' \
    "http://127.0.0.1:$port/stock.Shelves/"{Put,Count}
}

streams() { # streams CONNECTIONS AT_ONCE ARGUMENT...
  taskset -c "$load_core" h2load -t1 -c"$1" -m"$2" -D"$seconds" "${@:3}"
}

train() { # train CONTESTANT LOAD CONNECTIONS
  say "training: $1, $2 by $3 connections, $seconds s"
  start "$1"
  "$2" "$3" >"$dir/training"
  # What wrk and h2load say once they are done.
  grep -Eq '^(Requests/sec|requests: [1-9])' "$dir/training" || { cat "$dir/training" >&2; die "the training load did not run"; }
  stop_process "$gateway"
  [ -s "$raw/$gateway.profraw" ] || die "$1 left no profile"
  profiles+=("$raw/$gateway.profraw")
  gateway=
}

mapfile -t cores < <(allowed_cores)
gateway_core=${cores[0]} load_core=${cores[1]:-${cores[0]}}
dir=$(mktemp -d)
trap 'stop_all; rm -rf "$dir"' EXIT
find_profdata

say "building the instrumented gateway"
raw=$target/pgo/raw
rm -rf "$raw"
# Profiles are taken of functions before any of them meets those of another crate: linking them as one would only take time.
build "-Cprofile-generate=$raw -Clinker-plugin-lto=off -Clto=off" "$target/pgo/instrumented"
binary=$target/pgo/instrumented/$host/release/tidegate
start_origin
chmod 755 "$dir" # the origin's worker may be another user
head -c 65536 /dev/zero >"$dir/files/64k"
head -c 1048576 /dev/zero >"$dir/files/1m"
# A profile for each process: children that compile plugins are ended before they have written theirs.
export LLVM_PROFILE_FILE=$raw/%p.profraw
profiles=()
# What was decided is remembered, so that keys and limits hardly ever call a plugin; the last one does for each request.
for name in tidegate tidegate-log tidegate-key tidegate-limit tidegate-calls; do
  train "$name" mix 64
  train "$name" mix 4
done
if is_here tidegate-grpc; then
  head -c 2000 /dev/zero >"$dir/form"
  start_grpc_origin
  train tidegate-log pages 16
  train tidegate-calls pages 4
  train tidegate-grpc messages 16
else
  say "no h2load, or no nghttpd: HTTP/2 is not trained"
fi
"${profdata[@]}" merge -o "$target/pgo/tidegate.profdata" "${profiles[@]}"

say "building with the profile"
build "-Cprofile-use=$target/pgo/tidegate.profdata" "$target/pgo/trained"
cp "$target/pgo/trained/$host/release/tidegate" "$target/pgo/tidegate"
say "$target/pgo/tidegate; compare it: proxy/benches/compare.sh --binary $target/pgo/tidegate"
