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

fn existing(path: &str) -> PathBuf {
    let file = root().join(path);
    assert!(file.is_file(), "{} is missing: run `make plugins`", file.display());
    file
}

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package")
}
