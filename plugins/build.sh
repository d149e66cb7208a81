#!/usr/bin/env bash
# Builds Rust plugins into WebAssembly components. Needs no root and writes nothing outside the target directory, the
# output directory and a cache (except that `rustup target add` adds a target).
#
#   plugins/build.sh                      plugins/*        -> plugins/dist/
#   plugins/build.sh --tests              tests/plugins/*  -> tests/plugins/dist/
#   plugins/build.sh --all                both
#   plugins/build.sh OUT_DIR CRATE_DIR... these crates of the workspace -> OUT_DIR
#   plugins/build.sh --check-reproducible builds plugins/* from two checkouts in two places and compares the hashes
#   plugins/build.sh --environment        prints what cargo has to be told to build for the target, as NAME=VALUE
#
# The target is wasm32-unknown-unknown, linked by wasm-component-ld, which comes with the toolchain: the output is a
# component with no WASI import, and no further tool is needed. The target's standard library is had in the first of
# these ways that works:
#
#   target    the toolchain has it already
#   rustup    `rustup target add` gets it
#   source    it is built from the sources of exactly this compiler: rustup's rust-src, or Debian's package of them
#   debian    Debian's own compiler and its sources, unpacked into the cache
#
# Environment: GUEST_TOOLCHAIN=<way> takes that way and no other. WASM_NO_RUSTUP=1 never calls rustup. GUEST_CACHE=<dir>
# is where Debian packages are unpacked (default ~/.cache/tidegate-guests). CARGO_TARGET_DIR is respected: guests are
# built in its folder `guests`. The same sources give the same bytes wherever they are built, within one way.
set -euo pipefail

readonly TARGET=wasm32-unknown-unknown
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT

say() { echo "build: $*" >&2; }
die() { say "$*"; exit 1; }

# ---- the compiler at hand: RUSTC, SYSROOT, VERSION

find_compiler() {
  RUSTC=$(command -v "${RUSTC:-rustc}" || true)
  SYSROOT='' VERSION='' LIBRARY=''
  if [ -n "$RUSTC" ]; then
    SYSROOT=$("$RUSTC" --print sysroot)
    VERSION=$("$RUSTC" -vV | sed -n 's/^release: //p')
  fi
}

use_cache() {
  CACHE=${GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate-guests}
  mkdir -p "$CACHE"
  CACHE=$(cd "$CACHE" && pwd)
}

# ---- Debian as a source of packages: a private apt configuration with the system's keyring and the system's mirror

readonly KEYRING='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'

# The mirror is whatever this machine's apt is set up with; where it has none, there is no way through Debian.
mirror() {
  apt-get indextargets --format '$(SITE)' 2>/dev/null | sed -n 's#/debian\(-security\)\{0,1\}/*$##p' | sort -u | sed -n 1p
}

# with_suites NAME LINE... sets APT to the options that see exactly these package lists.
with_suites() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  local dir=$CACHE/apt-$1
  shift
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  printf '%s\n' "$@" >"$dir/sources.list"
  APT=(-o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root
    -o Debug::NoLocking=1 -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none)
  apt-get "${APT[@]}" update >"$dir/log" 2>&1
}

# unpack DIR PACKAGE... downloads packages and unpacks them into DIR.
unpack() {
  local dir=$1 deb
  shift
  mkdir -p "$dir/debs"
  (cd "$dir/debs" && apt-get "${APT[@]}" download "$@" >/dev/null 2>&1) || return 1
  for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir" || return 1; done
  rm -rf "$dir/debs"
}

# ---- way "source": the standard library's sources of exactly this compiler

source_way() {
  [ -n "$SYSROOT" ] || return 1
  library_of_rustup || library_of_debian || return 1
  link_sysroot
}

library_of_rustup() {
  LIBRARY=$SYSROOT/lib/rustlib/src/rust/library
  [ -f "$LIBRARY/Cargo.lock" ]
}

library_of_debian() {
  local unpacked=$CACHE/rust-src-$VERSION suite base version package
  LIBRARY=$unpacked/usr/src/rustc-$VERSION/library
  [ -f "$LIBRARY/Cargo.lock" ] && return 0
  base=$(mirror)
  [ -n "$base" ] || return 1
  for suite in "debian trixie-backports" "debian-security bookworm-security" "debian-security trixie-security" \
    "debian trixie" "debian sid" "debian experimental"; do
    with_suites "${suite##* }" "deb $KEYRING $base/${suite%% *} ${suite##* } main" || continue
    for package in rust-src rust-web-src; do
      version=$(exact_version "$package")
      [ -n "$version" ] || continue
      say "standard library sources: $package $version (${suite##* })"
      rm -rf "$unpacked"
      unpack "$unpacked" "$package=$version" && [ -f "$LIBRARY/Cargo.lock" ] && return 0
    done
  done
  return 1
}

# exact_version PACKAGE prints the first version of a package that was made from this compiler's release.
exact_version() {
  apt-cache "${APT[@]}" madison "$1" 2>/dev/null |
    awk -F' *[|] *' -v v="$VERSION" 'index($2, v "+") == 1 || index($2, v "-") == 1 { print $2; exit }'
}

# A sysroot of links to the real toolchain, with the sources where cargo looks for them. Cargo hashes the path of the
# sources relative to the sysroot into symbol names (rust-lang/cargo#14951): only at this place do they give the same
# bytes wherever the cache lies. The toolchain itself stays as it is.
link_sysroot() {
  local linked=$CACHE/sysroot-$VERSION entry
  rm -rf "$linked"
  mkdir -p "$linked/bin" "$linked/lib/rustlib/src/rust"
  for entry in "$SYSROOT"/lib/*; do
    [ "${entry##*/}" = rustlib ] || ln -s "$entry" "$linked/lib/"
  done
  for entry in "$SYSROOT"/lib/rustlib/*; do
    case ${entry##*/} in src | "$TARGET") ;; *) ln -s "$entry" "$linked/lib/rustlib/" ;; esac
  done
  ln -s "$LIBRARY" "$linked/lib/rustlib/src/rust/library"
  printf '#!/bin/sh\nexec "%s/bin/rustc" --sysroot "%s" "$@"\n' "$SYSROOT" "$linked" >"$linked/bin/rustc"
  chmod +x "$linked/bin/rustc"
  RUSTC=$linked/bin/rustc LIBRARY=$linked/lib/rustlib/src/rust/library
}

# ---- way "debian": the compiler Debian builds its browsers with, and its sources

debian_way() {
  local unpacked=$CACHE/rustc-web base packages tool
  if [ ! -f "$unpacked/complete" ]; then
    base=$(mirror)
    [ -n "$base" ] || return 1
    with_suites rustc-web "deb $KEYRING $base/debian bookworm main" \
      "deb $KEYRING $base/debian-security bookworm-security main" || return 1
    packages=$(apt-get "${APT[@]}" -s --no-install-recommends install rustc-web rust-web-src cargo-web lld 2>/dev/null |
      awk '/^Inst/ { print $2 }')
    [ -n "$packages" ] || return 1
    say "Debian's compiler:" $packages
    rm -rf "$unpacked"
    unpack "$unpacked" $packages || return 1
    for tool in rustc cargo; do
      printf '#!/bin/sh\nLD_LIBRARY_PATH=%s/usr/lib/%s-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec %s/usr/bin/%s "$@"\n' \
        "$unpacked" "$(uname -m)" "$unpacked" "$tool" >"$unpacked/$tool"
      chmod +x "$unpacked/$tool"
    done
    touch "$unpacked/complete"
  fi
  RUSTC=$unpacked/rustc LIBRARY=$unpacked/usr/lib/rustlib/src/rust/library
  command -v "$CARGO" >/dev/null || CARGO=$unpacked/cargo
  PATH=$PATH:$unpacked/usr/lib/llvm-14/bin
}

# ---- choice of a way

has_target() {
  [ -n "$SYSROOT" ] && compgen -G "$SYSROOT/lib/rustlib/$TARGET/lib/libcore-*.rlib" >/dev/null
}

rustup_way() {
  [ -z "${WASM_NO_RUSTUP:-}" ] && command -v rustup >/dev/null || return 1
  timeout 120 rustup target add "$TARGET" >&2 && has_target
}

works() {
  case $1 in
    target) has_target ;;
    rustup) rustup_way ;;
    source) use_cache && source_way ;;
    debian) use_cache && debian_way ;;
    *) die "GUEST_TOOLCHAIN=$1: the ways are target, rustup, source and debian" ;;
  esac
}

choose_way() {
  local way
  find_compiler
  CARGO=${CARGO:-cargo}
  for way in ${GUEST_TOOLCHAIN:-target rustup source debian}; do
    if works "$way"; then
      WAY=$way
      return
    fi
    LIBRARY=''
  done
  die "cannot compile for $TARGET here (tried: ${GUEST_TOOLCHAIN:-target rustup source debian}); hint: rustup target add $TARGET"
}

# For other builds by cargo than those below: nothing where the toolchain has the target.
print_environment() {
  choose_way
  [ -z "$LIBRARY" ] ||
    printf '%s\n' "PATH=$PATH" "RUSTC=$RUSTC" RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort
}

# ---- building

# The linker and the wasm-ld it calls lie in every rustup toolchain since 1.82, beside each other but outside PATH.
find_linker() {
  local dir
  for dir in "${SYSROOT:-/nonexistent}"/lib/rustlib/*/bin "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*/lib/rustlib/*/bin; do
    if [ -x "$dir/wasm-component-ld" ]; then
      PATH=$dir:$dir/gcc-ld:$PATH
      return
    fi
  done
  command -v wasm-component-ld >/dev/null || die "no wasm-component-ld; hint: cargo install wasm-component-ld --locked"
}

# Sets BUILD (cargo's arguments) and exports what cargo reads. Every crate gets the same flags, or the standard library
# would be built again for each.
prepare() {
  choose_way
  find_linker
  local standard
  standard=/rustc/$("$RUSTC" -vV | sed -n 's/^commit-hash: //p')
  # A small stack keeps a fresh instance small: its first call took 9.9 us with rustc's 1 MiB, 3.2 us with this.
  local flags=(-Clink-arg=-zstack-size=131072
    --remap-path-prefix="${CARGO_HOME:-$HOME/.cargo}=/cargo" --remap-path-prefix="$ROOT=/src")
  # With rust-src installed, rustc writes the local path of the standard library into panics even of the prebuilt one.
  [ -z "$SYSROOT" ] || flags+=(--remap-path-prefix="$SYSROOT/lib/rustlib/src/rust=$standard")
  BUILD=(build --locked --profile guest --target "$TARGET" --message-format=json-render-diagnostics)
  if [ -n "$LIBRARY" ]; then
    export RUSTC_BOOTSTRAP=1 # -Zbuild-std is not stable; guests only
    BUILD+=(-Zbuild-std=std,panic_abort)
    flags+=(--remap-path-prefix="${LIBRARY%/library}=$standard")
  fi
  export PATH RUSTC CARGO_INCREMENTAL=0
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}/guests"
  export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld
  export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="${flags[*]}"
  say "$("$RUSTC" -V), standard library by way of: $WAY"
}

# build_one OUT_DIR CRATE_DIR [FEATURE] writes OUT_DIR/<crate>[_<feature>].wasm.
build_one() {
  local out=$1 crate=$2 feature=${3:-} built file
  built=$(cd "$crate" && "$CARGO" "${BUILD[@]}" ${feature:+--features "$feature"} |
    sed -n '/"compiler-artifact"/ s/.*"filenames":\[[^]]*"\([^"]*\.wasm\)".*/\1/p' | tail -n 1)
  [ -n "$built" ] || die "$crate makes no component; hint: crate-type = [\"cdylib\", \"rlib\"]"
  file=$(basename "$built" .wasm)${feature:+_$feature}.wasm
  # Renamed into place, so that a gateway that watches the file never reads half of it.
  cp "$built" "$out/.$file.new" && mv "$out/.$file.new" "$out/$file"
  say "$(sha256sum "$out/$file" | cut -c1-64)  $file ($(wc -c <"$out/$file") bytes)"
}

# A crate with `variants = ["a", "b"]` in its metadata is built once with each of these features.
variants() {
  sed -n 's/^variants = \[\(.*\)\]$/\1/p' "$1/Cargo.toml" | tr -d '",'
}

# build OUT_DIR CRATE_DIR...
build() {
  local out=$1 crate features feature
  shift
  mkdir -p "$out"
  for crate in "$@"; do
    features=$(variants "$crate")
    [ -n "$features" ] || build_one "$out" "$crate"
    for feature in $features; do build_one "$out" "$crate" "$feature"; done
  done
}

# crates DIR prints the crates right below a directory.
crates() {
  local manifest
  for manifest in "$1"/*/Cargo.toml; do dirname "$manifest"; done
}

build_shipped() {
  local list
  mapfile -t list < <(crates "$ROOT/plugins")
  build "$ROOT/plugins/dist" "${list[@]}"
}

build_tests() {
  local list
  mapfile -t list < <(crates "$ROOT/tests/plugins")
  build "$ROOT/tests/plugins/dist" "${list[@]}"
}

# ---- the promise of equal bytes

check_reproducible() {
  local scratch place
  scratch=$(mktemp -d)
  # shellcheck disable=SC2064 # expanded now: the variable is gone when the trap runs
  trap "rm -rf '$scratch'" EXIT
  for place in one another/and/deeper; do
    mkdir -p "$scratch/$place"
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - 2>/dev/null) |
      tar -xf - -C "$scratch/$place"
    CARGO_TARGET_DIR=$scratch/$place/target "$scratch/$place/plugins/build.sh"
  done
  cd "$scratch/one/plugins/dist"
  sha256sum ./*.wasm >"$scratch/sums"
  (cd "$scratch/another/and/deeper/plugins/dist" && sha256sum --check --quiet "$scratch/sums") ||
    die "the same sources gave different bytes"
  say "the same bytes from two places: $(wc -l <"$scratch/sums") plugins"
}

case ${1:-} in
  --check-reproducible) check_reproducible ;;
  --environment) print_environment ;;
  --tests) prepare && build_tests ;;
  --all) prepare && build_shipped && build_tests ;;
  '') prepare && build_shipped ;;
  -*) die "unknown option $1; see the head of $0" ;;
  *)
    [ $# -ge 2 ] || die "which crates? see the head of $0"
    out=$1
    shift
    # Before `prepare`: a misspelt crate must not make rustup add a target first.
    for crate in "$@"; do [ -f "$crate/Cargo.toml" ] || die "$crate is no crate"; done
    prepare && build "$out" "$@"
    ;;
esac
