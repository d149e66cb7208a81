//! The plugins we ship, each held to the table of cases beside its sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::harness::command::run;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folders of all plugins, by name.
fn plugins() -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(root().join("plugins")).expect("a folder of plugins");
    let folders = entries.map(|entry| entry.expect("an entry")).map(|entry| (entry.file_name(), entry.path()));
    // The examples have a table for six languages, which is run where they are built.
    let own = folders.filter(|(_, folder)| folder.join("Cargo.toml").is_file());
    let own: BTreeMap<_, _> = own.map(|(name, folder)| (name.to_string_lossy().into_owned(), folder)).collect();
    assert!(!own.is_empty(), "there is no plugin");
    own
}

#[test]
fn every_plugin_has_its_page_its_schema_its_cases_and_an_example() {
    let mut missing = Vec::new();
    for (name, folder) in plugins() {
        let beside = ["README.md", "schema.json", "cases.toml"].map(|file| folder.join(file));
        let example = root().join("config/examples").join(format!("{name}.toml"));
        missing.extend(beside.into_iter().chain([example]).filter(|file| !file.is_file()));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn every_plugin_decides_what_its_table_says() {
    let mut failures = String::new();
    for table in plugins().into_values().map(|folder| folder.join("cases.toml")) {
        let done = run(&["plugin", "test", &table.display().to_string()]).await;
        if done.code != Some(0) {
            failures += &format!("{}:\n{}{}\n", table.display(), done.stdout, done.stderr);
        }
    }
    assert!(failures.is_empty(), "{failures}\nhint: `make plugins` builds a component that is missing or old");
}
