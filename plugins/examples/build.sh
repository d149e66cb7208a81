#!/usr/bin/env bash
# build.sh [--require] [LANGUAGE...]
#
# Builds the policy key-gate in these languages, or in all of them, into plugins/examples/dist. A language whose tool chain
# is not on this machine is left out and named at the end; with --require that is a failure.
set -euo pipefail
cd "$(dirname "$0")"

readonly LEFT_OUT=75
require=
if [ "${1:-}" = --require ]; then
  require=1
  shift
fi
[ $# -gt 0 ] || set -- rust c assemblyscript go javascript python

missing=() broken=()
for language in "$@"; do
  status=0
  [ -x "$language/build.sh" ] || { echo "build: there is no example in $language" >&2; exit 2; }
  "$language/build.sh" || status=$?
  case $status in
    0) ;;
    $LEFT_OUT) missing+=("$language") ;;
    *) broken+=("$language") ;;
  esac
done

[ ${#missing[@]} = 0 ] || echo "build: NOT BUILT, their tools are missing (see above): ${missing[*]}" >&2
[ ${#broken[@]} = 0 ] || { echo "build: FAILED: ${broken[*]}" >&2; exit 1; }
[ ${#missing[@]} = 0 ] || [ -z "$require" ] || exit 1
