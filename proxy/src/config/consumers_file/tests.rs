use super::{ConsumersText, EditError, parse};
use crate::config;
use crate::consumers::PasswordHash;

const TWO: &str = "# ours\n[[consumer]]\nname = \"alice\" # since 2024\nkeys = [\"alice-key\"]\n\n# theirs\n[[consumer]]\nname = \"bob\"\n";

fn refused(text: &str) -> String {
    parse("consumers.toml", text).unwrap_err().render(false)
}

#[test]
fn what_is_added_can_be_read_and_what_was_there_stays_as_it_was() {
    let mut text = ConsumersText::new(TWO).unwrap();
    text.add("carol", &["gold".into(), "beta".into()]).unwrap();
    text.add_key("alice", [7; 32]).unwrap();
    text.add_key("carol", [8; 32]).unwrap();
    text.set_password("bob", &PasswordHash::make(b"pass", [1; 16]).unwrap()).unwrap();
    text.add_signing_key("bob", "bob-1", &"s".repeat(32)).unwrap();
    text.add_certificate("bob", [9; 32]).unwrap();
    text.add_subject("bob", "https://a.example", "1").unwrap();
    text.add_subject("bob", "https://b.example", "1").unwrap();
    let written = text.to_string();
    assert!(written.starts_with("# ours\n[[consumer]]\nname = \"alice\" # since 2024\n"), "{written}");
    let consumers = parse("consumers.toml", &written).unwrap().consumers;
    let [alice, bob, carol] = consumers.as_slice() else { panic!("{written}") };
    assert_eq!(alice.credentials.api_key_hashes.len(), 2);
    assert!(bob.credentials.password.as_ref().unwrap().matches(b"pass"));
    assert_eq!(
        (bob.credentials.signing_keys[0].id.as_str(), &*bob.credentials.certificates),
        ("bob-1", &[[9; 32]][..])
    );
    let subjects = bob.credentials.subjects.iter().map(|it| (it.issuer.as_str(), it.subject.as_str()));
    assert_eq!(subjects.collect::<Vec<_>>(), [("https://a.example", "1"), ("https://b.example", "1")]);
    assert_eq!(
        (carol.tags.as_slice(), carol.credentials.api_key_hashes.len()),
        (&["gold".into(), "beta".into()][..], 1)
    );
}

#[test]
fn a_consumer_that_is_removed_takes_what_it_is_known_by_along() {
    let mut text = ConsumersText::new(TWO).unwrap();
    text.remove("alice").unwrap();
    let written = text.to_string();
    assert!(!written.contains("alice") && written.contains("# theirs"), "{written}");
    assert_eq!(parse("consumers.toml", &written).unwrap().consumers.len(), 1);
}

#[test]
fn nothing_is_changed_where_the_file_is_not_as_it_is_meant_to_be() {
    let mut text = ConsumersText::new(TWO).unwrap();
    assert_eq!(text.add("bob", &[]), Err(EditError::Known("bob".into())));
    assert_eq!(text.remove("eve"), Err(EditError::Unknown("eve".into())));
    assert_eq!(text.add_key("eve", [0; 32]), Err(EditError::Unknown("eve".into())));
    let mut alice = ConsumersText::new("[[consumer]]\nname = \"alice\"\nsubject = []").unwrap();
    assert_eq!(alice.add_subject("alice", "a", "1"), Err(EditError::Form("subject".into())));
    let mut inline = ConsumersText::new("consumer = [{ name = \"alice\" }]").unwrap();
    assert_eq!(inline.add("bob", &[]), Err(EditError::Form("consumer".into())));
    assert!(matches!(ConsumersText::new("[[consumer"), Err(EditError::Syntax(_))));
}

#[test]
fn mistakes_are_told_with_their_place_and_no_secret() {
    let rendered =
        refused(&TWO.replace(
            "bob\"",
            "bob\"\npassword = \"hunter2\"\n[[consumer.signing_key]]\nid = \"b\"\nsecret = \"short\"",
        ));
    assert!(rendered.contains("consumers.toml:9:12") && rendered.contains("not the hash of a password"), "{rendered}");
    assert!(rendered.contains("a secret of 5 bytes is too short"), "{rendered}");
    assert!(!rendered.contains("hunter2") && !rendered.contains("short\""), "{rendered}");
}

#[test]
fn a_credential_belongs_to_one_consumer_of_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let (main, file) = (folder.path().join("tidegate.toml"), folder.path().join("consumers.toml"));
    let own = "[consumers]\nfile = \"consumers.toml\"\n[[consumer]]\nname = \"dave\"\nkeys = [\"dave-key\"]\n";
    std::fs::write(&main, format!("{}\n{own}", include_str!("../../../../config/minimal.toml"))).unwrap();
    std::fs::write(&file, TWO).unwrap();
    let loaded = config::load(&main).unwrap_or_else(|report| panic!("{}", report.render(false)));
    assert_eq!(loaded.config.consumers.len(), 3);
    assert_eq!(loaded.config.consumers_file.as_ref(), Some(&file));
    std::fs::write(&file, TWO.replace("alice\"", "dave\"").replace("bob\"", "bob\"\nkeys = [\"dave-key\"]")).unwrap();
    let rendered = config::load(&main).unwrap_err().render(false);
    assert!(rendered.contains("this name belongs to consumer \"dave\" of the configuration already"), "{rendered}");
    assert!(rendered.contains("consumers.toml:9:8") && rendered.contains("one of these API keys"), "{rendered}");
    let certificates = format!("certificates = [\"sha256:{}\"]", "0".repeat(64));
    std::fs::write(&main, format!("{}\n{own}{certificates}", include_str!("../../../../config/minimal.toml"))).unwrap();
    std::fs::write(&file, TWO.replace("bob\"", &format!("bob\"\n{certificates}"))).unwrap();
    let rendered = config::load(&main).unwrap_err().render(false);
    assert!(rendered.contains("consumers.toml:9:") && rendered.contains("one of these certificates"), "{rendered}");
    std::fs::remove_file(&file).unwrap();
    let rendered = config::load(&main).unwrap_err().render(false);
    assert!(rendered.contains("there is no such file") && rendered.contains("tidegate.toml:"), "{rendered}");
}
