#!/usr/bin/env bash
# Writes generated/ anew, after a change of the contract. Wants  cargo install wit-bindgen-cli@0.61.0 --locked
#
# The generated code also asks for an object file that says which world it was made for. That is left out, since it would
# be the one binary among the sources: build.sh names the world instead.
set -euo pipefail
cd "$(dirname "$0")"

renamed=()
for interface in types http consumers configuration request-policy; do
  renamed+=(--rename "tidegate:gateway/$interface@0.1.0=${interface//-/_}")
done
wit-bindgen c ../wit --world key-gate --rename-world gate "${renamed[@]}" \
  --autodrop-borrows yes --no-object-file --out-dir generated
sed -i '/^\/\/ Ensure that the \*_component_type.o object is linked in$/,$d' generated/gate.c
