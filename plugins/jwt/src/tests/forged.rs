//! Tokens whose signature is right and whose content is not: an issuer that errs, a token for somebody else, JSON that two
//! readers read differently.

use proptest::prelude::*;

use super::{GOOD, forwarded, refused};
use crate::claims::Claims;

/// Each with the status it meets; `GOOD` with one thing changed.
const FORGED: &[(&str, &str)] = &[
    // No claims at all.
    ("", "the claims cannot be read"),
    ("null", "the claims cannot be read"),
    ("[]", "the claims cannot be read"),
    ("\"token\"", "the claims cannot be read"),
    ("{", "the claims cannot be read"),
    ("{}x", "the claims cannot be read"),
    ("{} {}", "the claims cannot be read"),
    ("\u{feff}{}", "the claims cannot be read"),
    // Said twice.
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"u-1","sub":"u-2"}"#,
        "the claims cannot be read",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"u-1","\u0073ub":"u-2"}"#,
        "the claims cannot be read",
    ),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1,"exp":1700000100,"sub":"u-1"}"#, "the claims cannot be read"),
    (
        r#"{"iss":"https://a.example","aud":"other","aud":"orders","exp":1700000100,"sub":"u-1"}"#,
        "the claims cannot be read",
    ),
    // Time.
    (r#"{"iss":"https://a.example","aud":"orders","sub":"u-1"}"#, "a claim is missing or has another value"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":null,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":"1700000100","sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":[1700000100],"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":true,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1e999,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":Infinity,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":NaN,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":0x7fffffff,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1699999990,"sub":"u-1"}"#, "the token has expired"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":0,"sub":"u-1"}"#, "the token has expired"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":-1700000100,"sub":"u-1"}"#, "the token has expired"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1e-9,"sub":"u-1"}"#, "the token has expired"),
    (
        r#"{"iss":"https://a.example","aud":"orders","Exp":1700000100,"sub":"u-1"}"#,
        "a claim is missing or has another value",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"nbf":1700000011,"sub":"u-1"}"#,
        "the token is not valid yet",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"nbf":1e300,"sub":"u-1"}"#,
        "the token is not valid yet",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"nbf":"0","sub":"u-1"}"#,
        "the claims cannot be read",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"nbf":null,"sub":"u-1"}"#,
        "the claims cannot be read",
    ),
    // Issuer.
    (r#"{"aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (r#"{"iss":null,"aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (r#"{"iss":"","aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (r#"{"iss":["https://a.example"],"aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (r#"{"iss":"https://a.example/","aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (r#"{"iss":"https://A.example","aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (r#"{"iss":"http://a.example","aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (
        r#"{"iss":"https://a.example.evil","aud":"orders","exp":1700000100,"sub":"u-1"}"#,
        "the token is of another issuer",
    ),
    (r#"{"iss":"https://b.example","aud":"orders","exp":1700000100,"sub":"u-1"}"#, "the token is of another issuer"),
    (
        r#"{"iss":"https://a.example\u0000","aud":"orders","exp":1700000100,"sub":"u-1"}"#,
        "the token is of another issuer",
    ),
    // Audience.
    (r#"{"iss":"https://a.example","exp":1700000100,"sub":"u-1"}"#, "the token is for another audience"),
    (r#"{"iss":"https://a.example","aud":null,"exp":1700000100,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":"","exp":1700000100,"sub":"u-1"}"#, "the token is for another audience"),
    (r#"{"iss":"https://a.example","aud":[],"exp":1700000100,"sub":"u-1"}"#, "the token is for another audience"),
    (
        r#"{"iss":"https://a.example","aud":["billing"],"exp":1700000100,"sub":"u-1"}"#,
        "the token is for another audience",
    ),
    (r#"{"iss":"https://a.example","aud":"Orders","exp":1700000100,"sub":"u-1"}"#, "the token is for another audience"),
    (
        r#"{"iss":"https://a.example","aud":"orders billing","exp":1700000100,"sub":"u-1"}"#,
        "the token is for another audience",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders ","exp":1700000100,"sub":"u-1"}"#,
        "the token is for another audience",
    ),
    (r#"{"iss":"https://a.example","aud":["orders",7],"exp":1700000100,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":[["orders"]],"exp":1700000100,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":{"orders":1},"exp":1700000100,"sub":"u-1"}"#, "the claims cannot be read"),
    (r#"{"iss":"https://a.example","aud":true,"exp":1700000100,"sub":"u-1"}"#, "the claims cannot be read"),
    // Subject.
    (r#"{"iss":"https://a.example","aud":"orders","exp":1700000100}"#, "a claim is missing or has another value"),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":null}"#,
        "a claim is missing or has another value",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":["u-1"]}"#,
        "a claim is missing or has another value",
    ),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":1}"#,
        "a claim is missing or has another value",
    ),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":""}"#, "nobody is known by this token"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"U-1"}"#, "nobody is known by this token"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"u-1 "}"#, "nobody is known by this token"),
    (r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"alice"}"#, "nobody is known by this token"),
    (
        r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"u-1\u0000"}"#,
        "nobody is known by this token",
    ),
];

#[test]
fn every_forged_content_is_refused_for_what_is_wrong_with_it() {
    forwarded("", GOOD);
    for (payload, why) in FORGED {
        assert_eq!(refused("", payload), (401, (*why).to_owned()), "{payload}");
    }
}

#[test]
fn a_payload_that_is_no_utf_8_or_nested_without_end_is_refused() {
    assert_eq!(Claims::parse(b"{\"sub\":\"\xff\"}"), None);
    assert_eq!(Claims::parse(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()), None);
}

#[test]
fn a_token_with_an_audience_is_refused_where_none_may_have_one() {
    let without = r#"{"iss":"https://a.example","exp":1700000100,"sub":"u-1"}"#;
    let _host = super::host(GOOD);
    let none = super::config("").replace("[\"orders\"]", "[]");
    let decide = || super::decide(&none, &super::bearer("token"));
    assert!(matches!(decide(), tidegate_plugin_sdk::Decision::Respond(answer) if answer.status == 401));
    let _host = super::host(without);
    assert!(matches!(decide(), tidegate_plugin_sdk::Decision::Forward(_)));
}

proptest! {
    #[test]
    fn no_payload_breaks_the_reading(payload: Vec<u8>) {
        let _ = Claims::parse(&payload);
    }

    #[test]
    fn no_claim_becomes_more_than_one_line_of_a_field(text: String) {
        let payload = serde_json::json!({ "c": text }).to_string();
        if let Some(value) = Claims::parse(payload.as_bytes()).and_then(|claims| claims.as_field("c")) {
            prop_assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
