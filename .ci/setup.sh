#!/usr/bin/env bash
# setup.sh [build|test|bench]
#
# Makes sure that what a task needs is there. Silent and quick where it is. What is missing comes from the machine's
# own package archive when this runs as root (or sudo asks for no password); else one line names the command.
set -euo pipefail
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin:/usr/sbin # nginx is in sbin
task=${1:-build}

fail() { echo "setup: $*" >&2; exit 1; }

# tool:package. cmake and make build zlib-ng, cc links and builds ring, zstd and mimalloc.
wanted=(cc:gcc make:make cmake:cmake)
[ "$task" != test ] || wanted+=(git:git) # fetches the database of known vulnerabilities
[ "$task" != bench ] || wanted+=(nginx:nginx-light wrk:wrk taskset:util-linux)

packages=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done
# A compiler without the C library's headers passes the check above and fails minutes later.
[ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)
# Cargo fetches crates over TLS.
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)

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
[ "$task" = test ] || exit 0

# rustup's minimal profile leaves these two out, but not the commands that would start them.
components=()
cargo clippy --version >/dev/null 2>&1 || components+=(clippy)
cargo fmt --version >/dev/null 2>&1 || components+=(rustfmt)
[ ${#components[@]} = 0 ] || rustup component add "${components[@]}" >&2 ||
  fail "missing: ${components[*]}: run  rustup component add ${components[*]}"
