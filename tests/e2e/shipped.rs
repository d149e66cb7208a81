//! The plugins we ship, each held to the table of cases beside its sources.

use std::path::{Path, PathBuf};

use crate::harness::command::run;

/// The tables of all plugins that have one.
fn tables() -> Vec<PathBuf> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let folders = std::fs::read_dir(plugins).expect("a folder of plugins").map(|entry| entry.expect("an entry").path());
    // The examples have a table for six languages, which is run where they are built.
    let own = folders.filter(|folder| folder.join("Cargo.toml").is_file());
    own.map(|folder| folder.join("cases.toml")).filter(|table| table.is_file()).collect()
}

#[tokio::test]
async fn every_plugin_decides_what_its_table_says() {
    let tables = tables();
    assert!(!tables.is_empty(), "there is no table of cases");
    let mut failures = String::new();
    for table in tables {
        let done = run(&["plugin", "test", &table.display().to_string()]).await;
        if done.code != Some(0) {
            failures += &format!("{}:\n{}{}\n", table.display(), done.stdout, done.stderr);
        }
    }
    assert!(failures.is_empty(), "{failures}\nhint: `make plugins` builds a component that is missing or old");
}
