#!/usr/bin/env bash
# Writes generated/ anew, after a change of wit/world.wit. Wants  cargo install wit-bindgen-cli@0.61.1 --locked
set -euo pipefail
cd "$(dirname "$0")"

renamed=()
for interface in types http consumers configuration request-policy; do
  renamed+=(--rename "tidegate:gateway/$interface@0.1.0=${interface//-/_}")
done
wit-bindgen c wit --world policy --rename-world gate "${renamed[@]}" \
  --autodrop-borrows yes --no-object-file --out-dir generated
sed -i '/^\/\/ Ensure that the \*_component_type.o object is linked in$/,$d' generated/gate.c
