//! The components that tests load; `make plugins` builds them.

use std::path::{Path, PathBuf};

/// A plugin we ship.
pub(crate) fn shipped(name: &str) -> PathBuf {
    existing(&format!("plugins/dist/{name}.wasm"))
}

/// A guest written for tests.
pub(crate) fn guest(name: &str) -> PathBuf {
    existing(&format!("tests/plugins/dist/{name}.wasm"))
}

fn existing(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package");
    let file = root.join(path);
    assert!(file.is_file(), "{} is missing: run `make plugins`", file.display());
    file
}
