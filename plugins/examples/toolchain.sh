# Read by the build.sh of each language: where tools are kept, and how what they make gets into dist/.
#
# Tools are pinned where they are asked for, and kept in the cache folder: nothing is written into the checkout but dist/.
# TIDEGATE_CACHE names another folder than ~/.cache/tidegate, TIDEGATE another gateway than the one built here.
set -euo pipefail

EXAMPLES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$EXAMPLES/../.." && pwd)
CACHE=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}/languages
DIST=$EXAMPLES/dist
readonly EXAMPLES ROOT CACHE DIST
# What .ci/setup.sh installs where the system has no such tool, or an old one.
PATH=$CACHE/bin:$PATH

# Another exit code than that of a failed build: the language was left out.
readonly LEFT_OUT=75

say() { echo "$LANGUAGE: $*" >&2; }
left_out() { say "left out: $*"; exit $LEFT_OUT; }

LANGUAGE=$(basename "$(cd "$(dirname "$0")" && pwd)")
WORK=$CACHE/work/$LANGUAGE
mkdir -p "$WORK" "$DIST"

# at_least WANTED FOUND: whether a version is that or a newer one.
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# python_tools installs requirements.txt of the language, and sets PYTHON.
python_tools() {
  local home=$CACHE/python-$LANGUAGE
  PYTHON=$home/bin/python
  if ! cmp -s "$EXAMPLES/$LANGUAGE/requirements.txt" "$home/requirements.txt"; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || left_out "no Python 3 with venv; hint: apt-get install python3-venv"
    rm -rf "$home"
    python3 -m venv "$home"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$EXAMPLES/$LANGUAGE/requirements.txt"
    cp "$EXAMPLES/$LANGUAGE/requirements.txt" "$home/"
  fi
}

# node_tools installs package-lock.json of the language beside a copy of its sources, and sets MODULES.
node_tools() {
  command -v npm >/dev/null && at_least v20 "$(node --version 2>/dev/null || echo v0)" ||
    left_out "no Node.js 20 or newer with npm; hint: .ci/setup.sh languages, or https://nodejs.org"
  cp "$EXAMPLES/$LANGUAGE"/*.{json,js,mjs,ts} "$WORK" 2>/dev/null || true
  MODULES=$WORK/node_modules
  local lock=$EXAMPLES/$LANGUAGE/package-lock.json
  if ! cmp -s "$lock" "$MODULES/installed.json"; then
    rm -rf "$MODULES"
    # Not "npm ci": it refuses a lock file without the optional parts of other systems, and npm writes such files.
    (cd "$WORK" && npm install --no-save --silent --no-audit --no-fund)
    cp "$lock" "$MODULES/installed.json"
  fi
}

# gateway sets GATEWAY, which makes components of core modules.
gateway() {
  GATEWAY=${TIDEGATE:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/tidegate}
  [ -x "$GATEWAY" ] || GATEWAY=$(command -v tidegate) || left_out "no gateway to make the component; hint: cargo build -p tidegate"
}

# publish FILE renames it into place, so that a gateway that watches it never reads half of it.
publish() {
  local name=key_gate_$LANGUAGE.wasm
  cp "$1" "$DIST/.$name.new"
  mv "$DIST/.$name.new" "$DIST/$name"
  say "dist/$name: $(wc -c <"$DIST/$name") bytes"
}

# componentize CORE [OPTION...] makes a component of a core module, and publishes it.
componentize() {
  local core=$1
  shift
  gateway
  "$GATEWAY" plugin componentize "$core" --world request-role "$@" --output "$WORK/component.wasm" >/dev/null
  publish "$WORK/component.wasm"
}
