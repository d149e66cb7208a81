#!/usr/bin/env bash
# deny.sh: check every dependency against deny.toml.
#
# Without a cargo-deny of its own the machine gets one, built once into the cache folder. Known vulnerabilities are
# checked where their database can be fetched; where it cannot, that is said, and everything else is still checked.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
cache=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}
own=$cache/tools/cargo-deny-$version/bin/cargo-deny

deny=$(command -v cargo-deny || true)
if [ -x "$own" ]; then
  deny=$own
elif [ -z "$deny" ]; then
  echo "deny: building cargo-deny $version, once, into $cache/tools (some minutes)" >&2
  # Not with the project's target directory: other profiles and flags would only evict each other.
  CARGO_TARGET_DIR=$cache/tools/target cargo install --locked --version "=$version" --root "$cache/tools/cargo-deny-$version" cargo-deny >&2
  rm -rf "$cache/tools/target"
  deny=$own
fi

"$deny" --workspace --locked check --hide-inclusion-graph bans licenses sources
if timeout 120 "$deny" --workspace --locked fetch db >/dev/null 2>&1; then
  "$deny" --workspace --locked check --hide-inclusion-graph advisories
else
  printf '*** %s\n' 'deny: KNOWN VULNERABILITIES ARE NOT CHECKED:' \
    'the advisory database (github.com/rustsec/advisory-db) cannot be fetched from here' >&2
fi
