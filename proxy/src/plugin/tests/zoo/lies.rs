//! Decisions that would be another message on the wire.

use super::failure;
use crate::plugin::fixture::Fixture;
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::{IllegalDecision, RequestDecision};

/// Names that frame a message, route it or belong to one connection, in the contract's words.
const RESERVED: [&str; 15] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-connection",
    "http2-settings",
    "host",
    ":method",
    ":path",
    ":authority",
    ":scheme",
    ":status",
];

/// Every way to put a field into a decision.
fn ways(name: &str, value: &[u8]) -> [Fixture; 5] {
    let deciding = |build: &dyn Fn(&mut Image) -> u32| {
        let mut image = Image::default();
        let decision = build(&mut image);
        Fixture::deciding(image, decision)
    };
    [
        deciding(&|image| image.forward(&[Edit::Set(name, value)], &[], None)),
        deciding(&|image| image.forward(&[Edit::Append(name, value)], &[], None)),
        deciding(&|image| image.forward(&[], &[Edit::Set(name, value)], None)),
        deciding(&|image| image.forward(&[], &[Edit::Append(name, value)], None)),
        deciding(&|image| image.respond(200, &[(name, value)], b"")),
    ]
}

#[track_caller]
fn illegal(fixture: &Fixture) -> IllegalDecision {
    match failure(fixture) {
        PluginFailure::Illegal(illegal) => illegal,
        other => panic!("{other}"),
    }
}

/// A guest that sets the field `x-a` to the value it is asked with, or the field of that name to `v`.
fn repeating(as_name: bool) -> std::sync::Arc<PolicyRuntime> {
    let mut image = Image::default();
    let [name, length] = image.bytes(b"X-In");
    let edit = if as_name { Edit::Set("", b"v") } else { Edit::Set("x-a", b"") };
    let decision = image.forward(&[edit], &[], None);
    let (pointer, size) = if as_name { (4, 8) } else { (12, 16) };
    // The value read is at 516, the octet to put into its place is its first.
    let body = format!(
        "(local $edit i32)
         (call $header (local.get 0) (i32.const {name}) (i32.const {length}) (i32.const 512))
         (call $drop-request (local.get 0))
         (local.set $edit (i32.load (i32.const {})))
         (i32.store8 (i32.const 700) (i32.const 97)) (i32.store8 (i32.const 702) (i32.const 98))
         (i32.store8 (i32.const 701) (call $hex))
         (i32.store offset={pointer} (local.get $edit) (i32.const 700))
         (i32.store offset={size} (local.get $edit) (i32.const 3))
         (i32.const {decision})",
        decision + 8
    );
    let digit = "(func $digit (param i32) (result i32)
        (if (result i32) (i32.gt_u (local.get 0) (i32.const 57))
            (then (i32.sub (local.get 0) (i32.const 87))) (else (i32.sub (local.get 0) (i32.const 48)))))
        (func $hex (result i32) (i32.or
            (i32.shl (call $digit (i32.load8_u (i32.load (i32.const 516)))) (i32.const 4))
            (call $digit (i32.load8_u offset=1 (i32.load (i32.const 516))))))";
    crate::plugin::fixture::bind(
        &Fixture::new("request-role")
            .accepting()
            .import("http", "[method]request.header", "(func $header (param i32 i32 i32 i32))")
            .raw_export(digit)
            .on_request(&body)
            .data(image),
    )
}

/// Which of all octets may stand in the middle of a name or value.
fn accepted(policy: &PolicyRuntime) -> Vec<u8> {
    let is_accepted = |octet: &u8| {
        super::super::with_request(&format!("{octet:02x}"), |request| match policy.on_request(request) {
            Ok(RequestDecision::Forward(_)) => true,
            // A name above 127 is no UTF-8 to begin with.
            Err(PluginFailure::Illegal(_) | PluginFailure::Trap(_)) => false,
            other => panic!("{octet}: {other:?}"),
        })
    };
    (0..=255).filter(is_accepted).collect()
}

#[test]
fn of_all_octets_only_those_of_a_value_get_into_one() {
    // RFC 9110 section 5.5: field-vchar, SP, HTAB and obs-text.
    let legal = |octet: &u8| matches!(octet, b'\t' | b' '..=b'~' | 128..=255);
    assert_eq!(accepted(&repeating(false)), (0..=255).filter(legal).collect::<Vec<u8>>());
}

#[test]
fn of_all_octets_only_those_of_a_name_get_into_one() {
    // RFC 9110 section 5.6.2: tchar.
    let legal = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    assert_eq!(accepted(&repeating(true)), (0..=255).filter(legal).collect::<Vec<u8>>());
}

#[test]
fn a_line_break_or_nul_is_refused_wherever_a_value_can_be() {
    for value in [&b"a\r\nx-b: 1"[..], b"a\nb", b"a\rb", b"a\0b", b"\r\n", b"a\x7f"] {
        for way in ways("x-a", value) {
            assert_eq!(illegal(&way), IllegalDecision::Value("x-a".into()), "{value:?}");
        }
    }
}

#[test]
fn a_name_that_frames_routes_or_belongs_to_a_connection_is_refused_wherever_a_name_can_be() {
    for name in RESERVED {
        for way in ways(name, b"1") {
            assert_eq!(illegal(&way), IllegalDecision::Reserved(name.into()));
        }
    }
}

#[test]
fn an_empty_name_is_refused() {
    for way in ways("", b"1") {
        illegal(&way);
    }
}

#[test]
fn of_all_statuses_only_final_ones_are_sent() {
    for status in [0, 1, 99, 100, 101, 103, 199, 600, 999, 1000, u16::MAX] {
        let mut image = Image::default();
        let decision = image.respond(status, &[], b"");
        assert_eq!(illegal(&Fixture::deciding(image, decision)), IllegalDecision::Status(status));
    }
}
