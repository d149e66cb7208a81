//! The components that tests load; `make plugins` builds them.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::command::run;

/// A plugin we ship.
pub(crate) fn shipped(name: &str) -> PathBuf {
    existing(&format!("plugins/dist/{name}.wasm"))
}

/// A guest written for tests.
pub(crate) fn guest(name: &str) -> PathBuf {
    existing(&format!("tests/plugins/dist/{name}.wasm"))
}

/// The example policy in a language, where `plugins/examples/build.sh` has built it; elsewhere than in CI it may be
/// missing.
pub(crate) fn example(language: &str) -> Option<PathBuf> {
    let name = format!("plugins/examples/dist/key_gate_{language}.wasm");
    let file = root().join(&name);
    if !file.is_file() {
        left_out(&format!("{name} is missing"), language);
        return None;
    }
    Some(file)
}

/// The folder of the cache with the tools that a file of the example pins, of which it has a copy; elsewhere than in CI
/// they may be missing, as the example may.
pub(crate) fn tools(language: &str, folder: &str, pins: &str, copy: &str) -> Option<PathBuf> {
    example(language)?;
    let folder = cache().join(folder);
    let pinned =
        std::fs::read(root().join("plugins/examples").join(language).join(pins)).expect("a file of the repository");
    if std::fs::read(folder.join(copy)).ok() != Some(pinned) {
        left_out(&format!("{} has no tools as {pins} pins them", folder.display()), language);
        return None;
    }
    Some(folder)
}

/// Where `plugins/examples/toolchain.sh` keeps tools.
pub(crate) fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || set("XDG_CACHE_HOME").unwrap_or_else(|| set("HOME").expect("a home").join(".cache")).join("tidegate");
    set("TIDEGATE_CACHE").unwrap_or_else(own).join("languages")
}

/// Says past the test harness that a test shows nothing, as the harness hides what a test that passes prints.
fn left_out(why: &str, language: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}: run `make examples`");
    let told = writeln!(std::io::stderr(), "LEFT OUT: {why}; `plugins/examples/build.sh {language}` builds it");
    told.expect("an open standard error");
}

/// A guest written as WebAssembly text, made a component in this folder.
pub(crate) async fn animal(name: &str, folder: &Path) -> PathBuf {
    let (core, made) = (existing(&format!("tests/plugins/zoo/{name}.wat")), folder.join(format!("{name}.wasm")));
    let [core, output] = [&core, &made].map(|path| path.display().to_string());
    let finished = run(&["plugin", "componentize", &core, "--world", "request-role", "-o", &output]).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    made
}

/// A guest whose language has a runtime that imports a clock, made in this folder; it passes every request on, and never asks
/// what time it is.
pub(crate) async fn with_a_runtime(folder: &Path) -> PathBuf {
    const CORE: &str = r#"(module
      (import "wasi:clocks/wall-clock@0.2.6" "now" (func $now (param i32)))
      (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
      (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32)
        (if (i32.eqz (local.get 1)) (then (call $now (i32.const 0))))
        (i32.const 64))
      (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param i32) (result i32)
        (call $drop (local.get 0))
        (i32.const 128)))"#;
    const WORLD: &str = "package test:runtime;
      world runtime { import wasi:clocks/wall-clock@0.2.6; include tidegate:gateway/request-role@0.1.0; }";
    const CLOCKS: &str = "package wasi:clocks@0.2.6;
      interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }";
    let wit = folder.join("wit");
    let contract = wit.join("deps/gateway");
    std::fs::create_dir_all(&contract).expect("a writable folder");
    for file in std::fs::read_dir(root().join("wit")).expect("the contract") {
        let file = file.expect("the contract");
        std::fs::copy(file.path(), contract.join(file.file_name())).expect("a writable folder");
    }
    let (core, made) = (folder.join("runtime.wat"), folder.join("runtime.wasm"));
    for (file, text) in [(&core, CORE), (&wit.join("world.wit"), WORLD), (&wit.join("deps/clocks.wit"), CLOCKS)] {
        std::fs::write(file, text).expect("a writable folder");
    }
    let [core, wit, output] = [&core, &wit, &made].map(|path| path.display().to_string());
    let asked = ["plugin", "componentize", &core, "--world", "runtime", "--wit", &wit, "-o", &output];
    let finished = run(&asked).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    made
}

fn existing(path: &str) -> PathBuf {
    let file = root().join(path);
    assert!(file.is_file(), "{} is missing: run `make plugins`", file.display());
    file
}

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package")
}
