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

/// The example policy in a language, where `plugins/examples/build.sh` has built it; elsewhere than in CI it may be missing, which
/// is said past the test harness: it shows nothing of what a test that passes prints.
pub(crate) fn example(language: &str) -> Option<PathBuf> {
    let name = format!("plugins/examples/dist/key_gate_{language}.wasm");
    let file = root().join(&name);
    if file.is_file() {
        return Some(file);
    }
    assert!(std::env::var_os("CI").is_none(), "{name} is missing: run `make examples`");
    let told =
        writeln!(std::io::stderr(), "LEFT OUT: {name} is missing; `plugins/examples/build.sh {language}` builds it");
    told.expect("an open standard error");
    None
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package")
}
