//! The files in `config/examples`: each is whole, and right by the words of `tidegate check`.

use std::path::{Path, PathBuf};

use crate::harness::command::check;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package").join("config/examples")
}

/// Every example there is, in a fixed order.
fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("config/examples can be read");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of it").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty(), "there is no example in {}", folder().display());
    files
}

#[tokio::test]
async fn every_example_passes_the_check() {
    let mut wrong = Vec::new();
    for file in examples() {
        let checked = check(&file).await;
        if checked.code != Some(0) {
            wrong.push(checked.stderr);
        }
    }
    assert!(wrong.is_empty(), "(a missing .wasm is built by `make plugins`)\n{}", wrong.join("\n"));
}

#[test]
fn every_example_says_at_its_head_what_it_shows_and_how_to_try_it() {
    for file in examples() {
        let text = std::fs::read_to_string(&file).expect("an example can be read");
        let head: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let is_said = head.first().is_some_and(|line| line.len() > "# ".len());
        assert!(is_said, "{}: no comment that says what it shows", file.display());
        assert!(head.iter().any(|line| line.contains("curl ")), "{}: no curl line at its head", file.display());
    }
}
