//! Guests that misbehave in another role than that of the other animals: they are stopped in the same way.

use std::sync::Arc;
use std::time::Duration;

use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::fixture::{Fixture, LIMITS, try_bind};
use crate::plugin::policy::{Candidate, Exchange, PluginFailure, PolicyRuntime};
use crate::plugin::tests::with_request;
use crate::policy::body::Piece;
use crate::policy::decision::IllegalDecision;
use crate::policy::facts::HttpResponseView;

/// A function of the contract, beside `on-request`.
#[derive(Clone, Copy, Debug)]
struct Function {
    world: &'static str,
    interface: &'static str,
    name: &'static str,
    signature: &'static str,
}

const fn function(
    world: &'static str,
    interface: &'static str,
    name: &'static str,
    signature: &'static str,
) -> Function {
    Function { world, interface, name, signature }
}

const ONE: &str = "(param i32) (result i32)";
const TWO: &str = "(param i32 i32) (result i32)";
const SIX: &str = "(param i32 i32 i32 i32 i32 i32) (result i32)";
const SEVEN: &str = "(param i32 i32 i32 i32 i32 i32 i32) (result i32)";

const FUNCTIONS: [Function; 9] = [
    function("limit-role", "limit-policy", "limits-of", ONE),
    function("response-role", "response-policy", "on-response", TWO),
    function("body-role", "body-policy", "attend-request", ONE),
    function("body-role", "body-policy", "on-request-body", SIX),
    function("body-role", "body-policy", "attend-response", TWO),
    function("body-role", "body-policy", "on-response-body", SEVEN),
    function("balancer-role", "balancer", "update", "(param i32 i32)"),
    function("balancer-role", "balancer", "pick", SEVEN),
    function(
        "observer-role",
        "observer",
        "on-exchange",
        "(param i32 i32 i32 i32 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32)",
    ),
];

/// A guest that runs this body in one function of its role. It may be told of endpoints, and is called in no other one.
fn misbehaving_in(here: Function, body: &str) -> Fixture {
    let siblings = FUNCTIONS.into_iter().filter(|function| function.world == here.world);
    siblings.fold(Fixture::new(here.world), |guest, Function { interface, name, signature, .. }| {
        let body = match name {
            _ if name == here.name => body,
            "update" => "(nop)",
            _ => "(unreachable)",
        };
        guest.export(interface, name, &format!("{signature} {body}"))
    })
}

/// Calls that function of a policy, as the gateway does.
fn call(policy: &PolicyRuntime, function: Function) -> Result<(), PluginFailure> {
    let (response, ()) = http::Response::new(()).into_parts();
    let response = HttpResponseView { parts: &response, trailers: None, endpoint: None };
    let piece = || Piece { bytes: b"piece", last: true, memory: b"" };
    let exchange = Exchange {
        request_bytes: 0,
        response_bytes: 0,
        taken: Duration::ZERO,
        tries: 1,
        endpoint: Some("10.0.0.1:80"),
        cause: None,
    };
    let members = Arc::from(crate::upstream::tests::members(&[1]));
    let candidate = Candidate { member: 0, in_flight: 0, latency_us: 0 };
    with_request("", |request| match function.name {
        "limits-of" => policy.on_request(request).map(drop),
        "on-response" => policy.on_response(request, &response).map(drop),
        "attend-request" => policy.attend_request(request).map(drop),
        "on-request-body" => policy.on_request_body(request, piece()).map(drop),
        "attend-response" => policy.attend_response(request, &response).map(drop),
        "on-response-body" => policy.on_response_body(request, &response, piece()).map(drop),
        "update" | "pick" => policy.pick(request, &members, &[candidate]).map(drop),
        "on-exchange" => policy.on_exchange(request, Some(&response), &exchange),
        other => panic!("nobody calls {other}"),
    })
}

/// How a call of that function ends where it runs this body; what it ran in must be gone.
fn failure(function: Function, body: &str, limits: PluginLimits) -> PluginFailure {
    let guest = misbehaving_in(function, body).accepting().raw_export("(func $deep (call $deep))");
    let policy = try_bind(&guest, limits).unwrap();
    match call(&policy, function) {
        Ok(()) => panic!("not stopped in {function:?}"),
        Err(failure) => {
            assert_eq!(policy.statistics().instances, 0, "the instance lives on in {function:?}: {failure}");
            failure
        }
    }
}

#[test]
fn a_loop_is_stopped_in_every_function() {
    let fill = "(drop (memory.grow (i32.const 62)))
                (loop (memory.fill (i32.const 0) (i32.const 255) (i32.const 4194304)) (br 0))";
    for function in FUNCTIONS {
        for endless in ["(loop (br 0))", fill] {
            let failure = failure(function, &format!("{endless} (unreachable)"), LIMITS);
            assert!(matches!(failure, PluginFailure::OutOfTime), "{function:?}: {failure}");
        }
    }
}

#[test]
fn what_traps_does_so_in_every_function() {
    // Something else than the time is to stop it, also beside other work.
    let patient = PluginLimits { cpu: Duration::from_secs(1), ..LIMITS };
    for function in FUNCTIONS {
        for (body, because) in [
            ("(unreachable)", "wasm `unreachable` instruction executed"),
            ("(call $deep) (unreachable)", "call stack exhausted"),
            ("(i32.store (i32.const -4) (i32.const 1)) (unreachable)", "out of bounds memory access"),
        ] {
            match failure(function, body, patient) {
                PluginFailure::Trap(text) if text.contains(because) => {}
                other => panic!("not {because:?} in {function:?}: {other}"),
            }
        }
    }
}

#[test]
fn an_allocator_that_misbehaves_while_arguments_are_put_into_memory_is_stopped() {
    let takes_more_than_numbers = ["on-request-body", "on-response-body", "update", "pick", "on-exchange"];
    for function in FUNCTIONS.into_iter().filter(|function| takes_more_than_numbers.contains(&function.name)) {
        let guest = |realloc| {
            let guest = misbehaving_in(function, "(unreachable)").realloc(realloc);
            try_bind(&guest.configure("(global.set $armed (i32.const 1)) (i32.const 0)"), LIMITS).unwrap()
        };
        let endless = call(&guest("(loop (br 0))"), function);
        assert!(matches!(endless, Err(PluginFailure::OutOfTime)), "{function:?}: {endless:?}");
        match call(&guest("(return (i32.const -16))"), function) {
            Err(PluginFailure::Trap(text)) if text.contains("realloc return: beyond end of memory") => {}
            other => panic!("{function:?}: {other:?}"),
        }
    }
}

/// What is said of a decision about a response, or of a step.
#[track_caller]
fn illegal(guest: Fixture, name: &str) -> IllegalDecision {
    let function = FUNCTIONS.into_iter().find(|function| function.name == name).unwrap();
    match call(&try_bind(&guest, LIMITS).unwrap(), function) {
        Err(PluginFailure::Illegal(illegal)) => illegal,
        other => panic!("{other:?}"),
    }
}

fn about_response(build: impl FnOnce(&mut Image) -> u32) -> IllegalDecision {
    let mut image = Image::default();
    let decision = build(&mut image);
    let guest = Fixture::new("response-role").accepting().on_response(&format!("(i32.const {decision})"));
    illegal(guest.data(image), "on-response")
}

fn about_body(build: impl FnOnce(&mut Image) -> u32) -> IllegalDecision {
    let mut image = Image::default();
    let step = build(&mut image);
    illegal(Fixture::seeing_bodies(&format!("(i32.const {step})")).data(image), "on-request-body")
}

#[test]
fn what_a_request_policy_may_not_say_nobody_may() {
    for value in [&b"a\r\nx-b: 1"[..], b"a\nb", b"a\0b"] {
        for illegal in [
            about_response(|image| image.pass_response(&[Edit::Set("x-a", value)])),
            about_response(|image| image.pass_response(&[Edit::Append("x-a", value)])),
            about_response(|image| image.replace(200, &[("x-a", value)], b"")),
            about_body(|image| image.respond_step(403, &[("x-a", value)])),
        ] {
            assert_eq!(illegal, IllegalDecision::Value("x-a".into()), "{value:?}");
        }
    }
    for name in ["content-length", "transfer-encoding", "connection", "host", ":status"] {
        for illegal in [
            about_response(|image| image.pass_response(&[Edit::Set(name, b"1")])),
            about_response(|image| image.replace(200, &[(name, b"1")], b"")),
            about_body(|image| image.respond_step(403, &[(name, b"1")])),
        ] {
            assert_eq!(illegal, IllegalDecision::Reserved(name.into()));
        }
    }
    for status in [0, 101, 199, 600, u16::MAX] {
        assert_eq!(about_response(|image| image.replace(status, &[], b"")), IllegalDecision::Status(status));
        assert_eq!(about_body(|image| image.respond_step(status, &[])), IllegalDecision::Status(status));
    }
}
