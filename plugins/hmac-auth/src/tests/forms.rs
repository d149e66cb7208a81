//! Signatures in other forms than the one that everybody reads the same.

use proptest::prelude::*;
use tidegate_plugin_sdk::testing::TestRequest;

use super::{BASE, INPUT, get, good, host, passes, refused, signed};
use crate::signature::Signature;

const UNREADABLE: &str = "the signature cannot be read";

#[test]
fn a_signature_in_another_form_is_refused() {
    let _host = host(&[]);
    let forms = [
        "".to_owned(),
        "sig1".to_owned(),
        "sig1=".to_owned(),
        "sig1=()".to_owned(),
        INPUT.replace("sig1=", "=="),
        INPUT.replace("sig1=", "Sig1="),
        INPUT.replace("sig1=", "sig1 ="),
        INPUT.replace("sig1=", "sig1= "),
        format!("{INPUT}, sig2=();created=1;keyid=\"x\""),
        format!("{INPUT};"),
        format!("{INPUT} "),
        format!("{INPUT};unknown=1"),
        format!("{INPUT};created=1700000000"),
        INPUT.replace("created=1700000000", "created=\"1700000000\""),
        INPUT.replace("created=1700000000", "created=-1"),
        INPUT.replace("created=1700000000", "created=1700000000.5"),
        INPUT.replace("created=1700000000", "created=1e9"),
        INPUT.replace("created=1700000000", "created=9999999999999999999999"),
        INPUT.replace("created=1700000000;", ""),
        INPUT.replace("keyid=\"alice-1\";", ""),
        INPUT.replace("\"alice-1\"", "alice-1"),
        INPUT.replace("alice-1", "alice\\\"-1"),
        INPUT.replace("hmac-sha256", "rsa-pss-sha512"),
        INPUT.replace("hmac-sha256", "none"),
        INPUT.replace("\"@method\" ", "\"@method\"  "),
        INPUT.replace("\"@method\" ", "\"@method\""),
        INPUT.replace("\"@method\" ", "\"@method\" \"@method\" "),
        INPUT.replace("\"@method\" ", "\"@method\";req "),
        INPUT.replace("\"@method\" ", "\"@METHOD\" "),
        INPUT.replace("\"@method\" ", "\"@method\" \"@status\" "),
        INPUT.replace("\"@method\" ", "\"@method\" \"signature\" "),
        INPUT.replace("\"@method\" ", "\"@method\" \"x-gone\" "),
        INPUT.replace(')', ""),
    ];
    for input in forms {
        assert_eq!(refused("{}", &signed(get("/orders?page=2"), &input)), UNREADABLE, "{input}");
    }
}

#[test]
fn an_hmac_in_another_form_is_refused() {
    let _host = host(&[]);
    let input = |signature: &str| get("/orders?page=2").header("signature-input", INPUT).header("signature", signature);
    for signature in
        ["", "sig1", "sig1=", "sig1=YQ==", "sig1=:YQ:", "sig1=:YQ==", "sig2=:YQ==:", "sig1=:YQ==:, sig2=:YQ==:"]
    {
        assert_eq!(refused("{}", &input(signature)), UNREADABLE, "{signature}");
    }
    assert_eq!(refused("{}", &input("sig1=:YQ==:")), "the signature is wrong");
}

#[test]
fn half_of_it_and_two_of_it_are_refused() {
    let _host = host(&[]);
    assert_eq!(refused("{}", &get("/").header("signature-input", INPUT)), UNREADABLE);
    assert_eq!(refused("{}", &get("/").header("signature", "sig1=:YQ==:")), UNREADABLE);
    assert_eq!(refused("{}", &good().header("signature", "sig1=:YQ==:")), UNREADABLE);
    assert_eq!(refused("{}", &good().header("signature-input", "sig1=()")), UNREADABLE);
}

#[test]
fn a_signature_that_does_not_cover_what_it_has_to_is_refused() {
    let _host = host(&[]);
    for component in ["\"@method\" ", "\"@authority\" ", "\"@path\" ", " \"@query\""] {
        let input = INPUT.replace(component, "");
        let refusal = refused("{}", &signed(get("/orders?page=2"), &input));
        assert_eq!(refusal, "the signature does not cover what it has to", "{component}");
    }
    let config = r#"{"required":["@method","x-tenant"]}"#;
    assert_eq!(refused(config, &good()), "the signature does not cover what it has to");
}

#[test]
fn components_have_the_values_that_rfc_9421_says() {
    let list =
        "(\"@method\" \"@authority\" \"@scheme\" \"@path\" \"@query\" \"@request-target\" \"@target-uri\" \"x-a\")";
    let input = format!("s={list};created=1700000000;keyid=\"alice-1\";nonce=\"n\";tag=\"t\"");
    let base = |scheme: &str| {
        format!(
            "\"@method\": GET\n\"@authority\": shop.example\n\"@scheme\": {scheme}\n\"@path\": /a%20b\n\"@query\": ?\n\
             \"@request-target\": /a%20b\n\"@target-uri\": {scheme}://shop.example/a%20b\n\"x-a\": 1, 2\n\
             \"@signature-params\": {list};created=1700000000;keyid=\"alice-1\";nonce=\"n\";tag=\"t\""
        )
    };
    let _host = host(&[&base("http")]);
    let request = TestRequest::get("/a%20b").authority("SHOP.example:80").header("x-a", " 1 ").header("X-A", "2");
    passes("{}", &signed(request, &input));
}

#[test]
fn another_port_is_another_authority() {
    let _host = host(&[&BASE.replace("shop.example", "shop.example:8080")]);
    passes("{}", &signed(TestRequest::get("/orders?page=2").authority("shop.example:8080"), INPUT));
}

proptest! {
    #[test]
    fn no_field_breaks_the_reading(input: Vec<u8>, signature: Vec<u8>) {
        let _ = Signature::parse(&input, &signature);
    }

    #[test]
    fn a_signature_that_is_read_covers_each_thing_once(
        input in "s=\\((\"(@method|@path|x-[ab])\"[ ;]?){0,4}\\)(;(created|expires|keyid|alg)=[0-9\"a]{1,4}){0,3}",
    ) {
        if let Some(signature) = Signature::parse(input.as_bytes(), b"s=:YQ==:") {
            let repeated = |place: usize| signature.components[..place].contains(&signature.components[place]);
            prop_assert!(!(0..signature.components.len()).any(repeated));
        }
    }
}
