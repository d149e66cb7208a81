use std::path::Path;

use super::*;

const TABLE: &str = r#"
plugin = "dist/key_gate.wasm"
[config]
header = "apikey"
[[consumer]]
name = "alice"
tags = ["gold"]
keys = ["alice-key"]
[[case]]
name = "a known key passes"
request = { method = "POST", target = "/items?page=2", scheme = "https", authority = "shop.example", client = "192.0.2.7", route = "items", headers = { apikey = "alice-key", x-many = ["a", "b"] } }
after = "500ms"
expect = { decision = "forward", consumer = "alice", request = { set = { x-gate = "c" }, remove = ["apikey"] }, log = ["info: in"] }
[[case]]
name = "the nearest is picked"
config = { zone = "a" }
candidates = [{ address = "10.0.0.1:80", in_flight = 3 }, { address = "10.0.0.2:80", latency_us = 900 }]
expect = { decision = "pick", pick = 1 }
"#;

fn read(text: &str) -> Result<CaseTable, Report> {
    parse("cases.toml", Path::new("/base"), text)
}

fn refused(text: &str) -> String {
    read(text).expect_err(text).render(false)
}

#[test]
fn a_table_says_what_is_asked_and_what_is_expected() {
    let table = read(TABLE).unwrap_or_else(|report| panic!("{}", report.render(false)));
    assert_eq!(table.plugin.as_deref(), Some(Path::new("/base/dist/key_gate.wasm")));
    let [first, second] = table.cases.as_slice() else { panic!("{:?}", table.cases) };
    assert_eq!((first.line, first.after, first.fresh), (9, Duration::from_millis(500), false));
    assert_eq!(first.config, serde_json::json!({ "header": "apikey" }));
    assert_eq!(second.config, serde_json::json!({ "zone": "a" }));
    assert_eq!(first.request.headers.last().unwrap().1, ["a", "b"]);
    assert_eq!(first.expect.log.as_deref(), Some(&["info: in".to_owned()][..]));
    assert!(matches!(&second.subject, Subject::Candidates(candidates) if candidates.len() == 2));
    assert_eq!(second.expect.verdict, ExpectedVerdict::Pick(Some(1)));
}

#[test]
fn all_mistakes_of_a_table_are_told_at_once_with_their_lines() {
    let text = "[[case]]\nname = \"one\"\nexpect = { decision = \"forwrad\" }\n[[case]]\nname = \"one\"\n\
                request = { consumer = \"bob\" }\n[[case]]\nname = \"two\"\nexpect = { decision = \"replace\" }\n";
    let rendered = refused(text);
    for part in [
        "cases.toml:3:23",
        "did you mean \"forward\"?",
        "there are two cases named \"one\"",
        "there is no consumer named \"bob\"",
        "missing key `expect`",
        "\"replace\" is for cases with a `response`",
    ] {
        assert!(rendered.contains(part), "no {part:?} in:\n{rendered}");
    }
}

#[test]
fn a_body_is_asked_about_in_the_message_it_belongs_to() {
    let table = "[[case]]\nname = \"one\"\nbody = \"a\"\nexpect = { decision = \"change\", body = \"b\" }\n\
                 [[case]]\nname = \"two\"\nbody = \"a\"\nresponse = { status = 404 }\nexpect = { decision = \"skip\" }\n";
    let table = read(table).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let [first, second] = table.cases.as_slice() else { panic!("{:?}", table.cases) };
    assert_eq!(first.subject, Subject::RequestBody(vec!["a".to_owned()]));
    assert_eq!(first.expect.verdict, ExpectedVerdict::Change(Some("b".to_owned())));
    assert!(
        matches!(&second.subject, Subject::ResponseBody(response, body) if response.status == 404 && *body == ["a"])
    );
    let rendered = refused("[[case]]\nname = \"one\"\nexpect = { decision = \"pass\" }\n");
    assert!(rendered.contains("\"pass\" is for cases with a `body`"), "{rendered}");
}

#[test]
fn a_body_may_arrive_in_pieces() {
    let case =
        |body: &str| format!("[[case]]\nname = \"one\"\nbody = {body}\nexpect = {{ decision = \"too-large\" }}\n");
    let table =
        read(&case("[\"first \", \"second\", \"\"]")).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let pieces = ["first ", "second", ""].map(str::to_owned).to_vec();
    assert_eq!(table.cases[0].subject, Subject::RequestBody(pieces));
    for (body, part) in [
        ("[]", "a body arrives in one piece at least"),
        ("[\"first\", 2]", "expected a string, found the integer 2"),
        ("2", "expected a string or a list of strings, found the integer 2"),
        ("{ first = \"a\" }", "expected a string or a list of strings, found a table"),
    ] {
        let rendered = refused(&case(body));
        assert!(rendered.contains("cases.toml:3:8") && rendered.contains(part), "no {part:?} in:\n{rendered}");
    }
}

#[test]
fn a_key_that_another_decision_has_is_unknown() {
    let rendered = refused("[[case]]\nname = \"one\"\nexpect = { decision = \"forward\", status = 200 }\n");
    assert!(rendered.contains("unknown key \"status\""), "{rendered}");
}

#[test]
fn the_reference_is_a_table_and_has_every_key() {
    let table = read(REFERENCE).unwrap_or_else(|report| panic!("{}", report.render(false)));
    assert!(table.cases.len() >= 8);
    let sources = Sources::new("reference.toml", REFERENCE);
    let document = source::document(&sources).unwrap();
    let mut reader = Reader::recording(&sources, Path::new(""));
    Written::read(&mut reader, document.get_ref());
    // Those of key sets are in `config/reference.toml`.
    for key in reader.into_asked().into_iter().filter(|key| !key.starts_with("keyset.")) {
        let last = key.rsplit('.').next().unwrap();
        assert!(
            REFERENCE.contains(&format!("{last} = "))
                || REFERENCE.contains(&format!("[{last}]"))
                || REFERENCE.contains(&format!("[[{key}]]")),
            "{key}"
        );
    }
}

#[test]
fn a_table_without_cases_says_how_to_write_one() {
    assert!(refused("plugin = \"a.wasm\"\n").contains("hint: add `[[case]]`"));
}

#[test]
fn keys_of_consumers_are_not_shown() {
    let rendered = refused("[[consumer]]\nname = \"a b\"\nkeys = [\"very secret\"]\n");
    assert!(!rendered.contains("very secret"), "{rendered}");
}
