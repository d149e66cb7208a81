//! The layout that reviewers rely on, read from the source text: who may name what, who needs whom, what things are called,
//! how long they get. ARCHITECTURE.md gives the reasons.
#![cfg(test)]

mod bindings;
mod contract;
mod layout;
mod modules;
mod names;
mod source;
mod tokens;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
