//! Bad inputs and their exact messages, as pairs of files: reviewing an error is reviewing a difference.

use super::folder;

/// `UPDATE_GOLDEN=1` writes the messages instead of comparing them.
#[test]
fn every_mistake_is_shown_as_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut pairs = 0;
    for entry in std::fs::read_dir(folder("tests/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        pairs += 1;
        let file_name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let report = crate::config::parse(file_name, "files".as_ref(), &text).expect_err(file_name);
        let rendered = report.render(false);
        let golden = path.with_extension("err");
        if update {
            std::fs::write(&golden, &rendered).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(rendered, expected, "{file_name}: UPDATE_GOLDEN=1 rewrites, if this is meant");
    }
    assert!(pairs >= 25, "only {pairs} pairs were found");
}

#[test]
fn every_example_loads() {
    let mut examples = 0;
    for entry in std::fs::read_dir(folder("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            crate::config::load(&path).unwrap_or_else(|report| panic!("{}", report.render(false)));
            examples += 1;
        }
    }
    assert!(examples >= 3);
}
