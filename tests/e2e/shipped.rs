//! The plugins we ship, each held to the table of cases beside its sources.

use std::collections::{BTreeMap, BTreeSet};
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

#[tokio::test]
async fn the_command_lists_every_plugin_and_shows_what_is_written_of_it() {
    let listed = run(&["policy", "list"]).await;
    let names: BTreeSet<_> = listed.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let plugins = plugins();
    assert_eq!(names, plugins.keys().map(String::as_str).collect(), "{}", listed.stderr);
    for (name, folder) in &plugins {
        let written = |file: &str| std::fs::read_to_string(folder.join(file)).expect("a file of the plugin");
        let shown = run(&["policy", "show", name]).await;
        assert!(shown.code == Some(0) && shown.stdout.starts_with(written("README.md").trim_end()), "{name}");
        let schema = run(&["policy", "show", name, "--schema"]).await;
        assert_eq!(schema.stdout.trim_end(), written("schema.json").trim_end(), "{name}");
    }
    let unknown = run(&["policy", "show", "rate-limt"]).await;
    unknown.says(&["no policy is called \"rate-limt\"", "hint: \"rate-limit\" is"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""));
}
