use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::store::Store;
use super::{described, hashed, one_line, random};
use crate::config::consumers_file;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_file_is_for_its_owner_only_and_an_old_one_is_never_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumers.toml");
    Store::at(&path).change(|text| text.add("alice", &[])).unwrap();
    assert_eq!(mode(&path), 0o600);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
    Store::at(&path).change(|text| text.add("bob", &["gold".into()])).unwrap();
    assert_eq!(mode(&path), 0o640);
    let shown: Vec<_> = Store::at(&path).read().unwrap().iter().map(described).collect();
    assert_eq!(shown, ["alice: nothing to be recognised by", "bob [gold]: nothing to be recognised by"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn writers_at_the_same_time_lose_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumers.toml");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || Store::at(path).change(|text| text.add(&format!("c{number}"), &[])).unwrap());
        }
    });
    assert_eq!(Store::at(&path).read().unwrap().len(), 8);
}

#[test]
fn a_change_that_would_be_wrong_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumers.toml");
    Store::at(&path).change(|text| text.add("alice", &[])).unwrap();
    let before = std::fs::read_to_string(&path).unwrap();
    let refused = Store::at(&path).change(|text| text.add("no name", &[])).unwrap_err().to_string();
    assert!(
        refused.starts_with("nothing was written, it would be wrong\nerror: \"no name\" is not a name"),
        "{refused}"
    );
    let twice = Store::at(&path).change(|text| {
        text.add_subject("alice", "https://a.example", "1")
            .and_then(|()| text.add_subject("alice", "https://a.example", "1"))
    });
    assert!(twice.unwrap_err().to_string().contains("this subject is given twice"));
    let unknown = Store::at(&path).change(|text| text.add_key("eve", [0; 32])).unwrap_err();
    assert!(format!("{unknown:#}").ends_with("there is no consumer named \"eve\""), "{unknown:#}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_link_is_followed_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("consumers.toml"));
    std::fs::write(&real, "# here\n").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    Store::at(&link).change(|text| text.add("alice", &[])).unwrap();
    assert!(link.is_symlink() && std::fs::read_to_string(&real).unwrap().starts_with("# here\n"));
}

#[test]
fn a_password_is_one_line_of_standard_input() {
    let line = |input: &str| one_line(&mut input.as_bytes());
    assert_eq!(line("correct horse\r\nsecond").unwrap(), "correct horse");
    assert_eq!(line("p\u{e4}ss").unwrap(), "p\u{e4}ss");
    assert!(line("").is_err() && line("\n").is_err() && line("a\tb\n").is_err());
    assert!(hashed("correct horse").unwrap().matches(b"correct horse"));
}

#[test]
fn a_key_that_is_made_is_one_that_the_gateway_takes() {
    let (one, other) = (random(), random());
    assert!(one != other && one.len() == 43);
    let text = format!(
        "[[consumer]]\nname = \"a\"\nkeys = [\"{one}\"]\n[[consumer.signing_key]]\nid = \"a\"\nsecret = \"{other}\""
    );
    assert!(consumers_file::parse("consumers.toml", &text).is_ok());
}
