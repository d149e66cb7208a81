use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Bounds, Outcome, Stop, apply};
use crate::config::WrittenRule;
use crate::rule::Rules;

const BOUNDS: Bounds = Bounds { depth: 8, bytes: 2_000_000 };

fn rules(written: &[(&str, &str)], ignore_case: bool) -> Rules {
    let rule = |(pointer, action): &(&str, &str)| -> WrittenRule {
        serde_json::from_value(json!({ "pointer": pointer, "action": action })).unwrap()
    };
    let mut problems = Vec::new();
    let rules = Rules::new(written.iter().map(rule).collect(), "request", ignore_case, &mut problems);
    assert_eq!(problems, []);
    rules
}

fn applied(written: &[(&str, &str)], body: &str) -> Result<String, Stop> {
    match apply(&rules(written, true), body.as_bytes(), BOUNDS)? {
        Outcome::Unchanged => Ok(body.to_owned()),
        Outcome::Changed(changed) => Ok(String::from_utf8(changed).unwrap()),
    }
}

fn ok(text: &str) -> Result<String, Stop> {
    Ok(text.to_owned())
}

#[test]
fn a_part_is_redacted_and_the_rest_stays_byte_for_byte() {
    let body = " {\"b\" : 1.0e5,\n \"password\": {\"x\":[1]} , \"a\":\"\\u00e4\"}\n";
    let expected = " {\"b\" : 1.0e5,\n \"password\": \"***\" , \"a\":\"\\u00e4\"}\n";
    assert_eq!(applied(&[("/password", "redact")], body), ok(expected));
}

#[test]
fn a_part_is_removed_with_one_comma_wherever_it_stands() {
    for (body, expected) in [
        (r#"{"x":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"a":2,"x":1,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"a":2,"b":3,"x":1}"#, r#"{"a":2,"b":3}"#),
        (r#"{"x":1}"#, r#"{}"#),
        (r#"{"x":1,"x":2}"#, r#"{}"#),
        (r#"{"x":1,"x":2,"a":3,"x":4}"#, r#"{"a":3}"#),
    ] {
        let left = applied(&[("/x", "remove")], body).unwrap();
        let values = [left.as_str(), expected].map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(values[0], values[1], "{body}: {left}");
    }
    assert_eq!(applied(&[("/0", "remove"), ("/2", "remove")], "[1,2,3]"), ok("[2]"));
    assert_eq!(applied(&[("/*", "remove")], "[1,2,3]"), ok("[]"));
}

#[test]
fn an_asterisk_stands_for_every_element_and_every_member() {
    let each = [("/users/*/password", "redact")];
    let list = r#"{"users":[{"password":1},{"name":"b"},{"password":2}]}"#;
    assert_eq!(applied(&each, list), ok(r#"{"users":[{"password":"***"},{"name":"b"},{"password":"***"}]}"#));
    assert_eq!(applied(&each, r#"{"users":{"a":{"password":1}}}"#), ok(r#"{"users":{"a":{"password":"***"}}}"#));
}

#[test]
fn every_one_of_two_members_of_a_name_is_meant() {
    assert_eq!(applied(&[("/role", "redact")], r#"{"role":1,"role":2}"#), ok(r#"{"role":"***","role":"***"}"#));
}

#[test]
fn a_name_is_known_however_it_is_escaped_or_written() {
    for name in ["role", "r\\u006fle", "\\u0052OLE", "Role"] {
        assert_eq!(applied(&[("/role", "reject")], &format!("{{\"{name}\":1}}")), Err(Stop::Rejected), "{name}");
    }
    for name in ["\\u017fecret", "\u{17f}eCret"] {
        assert_eq!(applied(&[("/secret", "reject")], &format!("{{\"{name}\":1}}")), Err(Stop::Rejected), "{name}");
    }
    assert_eq!(applied(&[("/a~1b~0", "reject")], r#"{"a/b~":1}"#), Err(Stop::Rejected));
    assert_eq!(applied(&[("/\u{1f600}", "reject")], r#"{"\ud83d\ude00":1}"#), Err(Stop::Rejected));
}

#[test]
fn case_counts_where_the_operator_says_so() {
    let exact = rules(&[("/role", "reject")], false);
    assert_eq!(apply(&exact, br#"{"Role":1}"#, BOUNDS), Ok(Outcome::Unchanged));
    assert_eq!(apply(&exact, br#"{"r\u006fle":1}"#, BOUNDS), Err(Stop::Rejected));
}

#[test]
fn indices_and_names_are_not_mixed_up() {
    assert_eq!(applied(&[("/0", "redact")], r#"{"0":1,"1":2}"#), ok(r#"{"0":"***","1":2}"#));
    assert_eq!(applied(&[("/1", "redact")], "[1,2]"), ok(r#"[1,"***"]"#));
    assert_eq!(applied(&[("/01", "redact"), ("/-", "redact")], "[1,2]"), ok("[1,2]"));
}

#[test]
fn what_rejects_counts_inside_of_what_goes_and_above_all_else() {
    let both = [("/user", "remove"), ("/user/admin", "reject")];
    assert_eq!(applied(&both, r#"{"user":{"admin":true}}"#), Err(Stop::Rejected));
    assert_eq!(applied(&both, r#"{"user":{"name":1},"a":2}"#), ok(r#"{"a":2}"#));
    assert_eq!(applied(&[("/a", "redact"), ("/a", "remove")], r#"{"a":1}"#), ok("{}"));
}

#[test]
fn what_is_no_json_is_not_read() {
    for body in [
        "",
        " ",
        "{",
        "[1",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "{a:1}",
        "{'a':1}",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "+1",
        "NaN",
        "tru",
        "truex",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "1 2",
        "{} {}",
        "[1]]",
        "\u{feff}{}",
        "/**/1",
        "{\"a\" 1}",
    ] {
        assert_eq!(applied(&[("/a", "redact")], body), Err(Stop::Unreadable), "{body:?}");
    }
    assert_eq!(apply(&rules(&[("/a", "redact")], true), b"\"\xff\"", BOUNDS), Err(Stop::Unreadable));
}

#[test]
fn depth_has_an_end() {
    assert_eq!(applied(&[("/a", "redact")], "[[[[[[[[1]]]]]]]]"), ok("[[[[[[[[1]]]]]]]]"));
    assert_eq!(applied(&[("/a", "redact")], "[[[[[[[[[1]]]]]]]]]"), Err(Stop::Unreadable));
    assert_eq!(applied(&[("/a", "redact")], &"[".repeat(1_000_000)), Err(Stop::Unreadable));
}

#[test]
fn neither_a_body_nor_what_takes_its_place_is_longer_than_allowed() {
    let bounds = Bounds { depth: 8, bytes: 64 };
    let each = rules(&[("/*", "redact")], true);
    assert!(matches!(apply(&each, b"[1,2,3]", bounds), Ok(Outcome::Changed(_))));
    assert_eq!(apply(&each, format!("[{}1]", "1,".repeat(30)).as_bytes(), bounds), Err(Stop::TooLong), "it grows");
    assert_eq!(apply(&each, " ".repeat(65).as_bytes(), bounds), Err(Stop::TooLong));
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abx\"\\\\é]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same by values, for bodies in which no name comes twice.
fn removed(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let stays = map.iter().filter(|(name, _)| *name != "x" && *name != "X");
            Value::Object(stays.map(|(name, value)| (name.clone(), below_x(value))).collect())
        }
        other => other.clone(),
    }
}

/// What `/*/x` leaves of a value one level down.
fn below_x(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().filter(|(name, _)| *name != "x").map(|(n, v)| (n.clone(), v.clone())).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn what_serde_writes_is_read_and_stays(value in tree()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(applied(&[("/nowhere/to/be/found", "redact")], &text), ok(&text));
        }
    }

    #[test]
    fn removing_is_removing(value in tree()) {
        let left = applied(&[("/x", "remove"), ("/*/x", "remove")], &value.to_string()).unwrap();
        let left: Value = serde_json::from_str(&left).unwrap();
        let expected = match &value {
            Value::Array(items) => Value::Array(items.iter().map(below_x).collect()),
            other => removed(other),
        };
        prop_assert_eq!(left, expected);
    }

    #[test]
    fn only_what_serde_reads_is_read(text in "[\\[\\]{},:\"\\\\ a1.eE+-]{0,12}") {
        if applied(&[("/a", "redact")], &text).is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn what_serde_reads_is_read(text in "[\\[\\]{},:\"\\\\ a1.eE+-]{0,12}") {
        if serde_json::from_str::<Value>(&text).is_ok() {
            prop_assert!(applied(&[("/nowhere", "redact")], &text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = apply(&rules(&[("/*", "remove")], true), &body, BOUNDS);
    }
}
