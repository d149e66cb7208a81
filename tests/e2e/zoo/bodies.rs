//! Guests that misbehave in the middle of a body.

use super::{Cage, GROWTH, Misdeed, UNHURRIED, Zoo, caged, misdeeds};
use crate::harness::origin::Seen;
use crate::harness::script::Step;
use crate::harness::{Answer, Latch, Reply, Request, Response, h2};

/// What a step can hold that it may not.
const LIES: &[Misdeed] = &[
    ("value", "illegal", "illegal value for header \"x-lie\""),
    ("framing", "illegal", "header \"content-length\" is the gateway's own"),
    ("status", "illegal", "illegal status 101"),
    ("much", "illegal", "output of 1048577 bytes is over the limit of 1048576"),
    ("remember", "illegal", "memory of 4097 bytes is over the limit of 4096"),
];

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
const REST: &str = "3\r\nnow\r\n0\r\n\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

async fn start(cage: Cage) -> Zoo {
    let zoo = Zoo::of_guest("saboteur_body", cage).await;
    zoo.origin.script(|seen| match seen.target() {
        "/free" => Reply::ok("origin").into(),
        _ => Answer::raw([HEAD, REST].concat()),
    });
    zoo
}

/// A request that has the guest do this there.
fn told(request: Request, mode: &str, place: &str) -> Request {
    request.field("x-mode", mode).field("x-at", place)
}

/// Who is asked how to be shown a body has nothing to lie about.
fn can_be_done_at(place: &str, misdeed: &Misdeed) -> bool {
    !place.starts_with("attend") || !LIES.contains(misdeed)
}

fn post() -> Request {
    Request::post("/caged", "first now").chunked()
}

/// Sends the rest of a request once the origin has its first piece.
async fn send_in_two_pieces(zoo: &Zoo, target: &str, mode: &str, place: &str) -> Response {
    let mut client = zoo.gateway.client().await;
    let fields = format!("Host: edge.test\r\nx-mode: {mode}\r\nx-at: {place}\r\nTransfer-Encoding: chunked");
    client.send(format!("POST {target} HTTP/1.1\r\n{fields}\r\n\r\n5\r\nfirst\r\n")).await;
    let arrived = |seen: &Seen| seen.target() == target && seen.body == b"first";
    zoo.origin.until("the first piece at the origin", |seen| seen.iter().any(arrived)).await;
    client.send(REST).await;
    client.receive().await
}

/// What follows the head and the first piece of a response, until the connection ends.
async fn receive_in_two_pieces(zoo: &Zoo, target: &str, mode: &str, place: &str) -> Vec<u8> {
    let (latch, held) = (Latch::new(), target.to_owned());
    let rest = latch.clone();
    zoo.origin.script(move |seen| match seen.target() == held {
        true => Answer::raw(HEAD).then(Step::Wait(rest.clone())).then(Step::Send(REST.into())),
        false => Answer::raw([HEAD, REST].concat()),
    });
    let mut client = zoo.gateway.client().await;
    client.send(told(Request::get(target), mode, place).bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    latch.open();
    client.until_closed().await
}

/// The same over HTTP/2: a stream is reset, and the connection serves on.
async fn is_reset(zoo: &Zoo, mode: &str, place: &str) {
    let client = zoo.gateway.h2().await;
    let request = http::Request::get("http://edge.test/caged").header("x-mode", mode).header("x-at", place);
    let answer = client.try_call(request.body(()).expect("legal"), &[]).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 503), "{mode} {place}");
    assert_eq!(client.call(h2::get("http://edge.test/free"), &[]).await.status(), 200);
}

#[tokio::test]
async fn a_request_whose_body_is_tampered_with_is_refused_before_the_origin_has_the_whole() {
    for (cage, misdeeds) in misdeeds(LIES) {
        let mut zoo = start(cage).await;
        for place in ["attend-request", "request-piece", "request-end"] {
            for misdeed in misdeeds.iter().filter(|misdeed| can_be_done_at(place, misdeed)) {
                let request = told(post(), misdeed.0, place);
                let refused = async |zoo: &Zoo, times| {
                    for _ in 0..times {
                        assert_eq!(zoo.gateway.call(&request).await.status(), 503, "{misdeed:?} {place}");
                    }
                };
                zoo.is_stopped(*misdeed, refused).await;
            }
        }
        for (mode, ..) in &misdeeds {
            for place in ["request-piece", "request-end"] {
                let target = format!("/caged/{mode}/{place}");
                let answer = send_in_two_pieces(&zoo, &target, mode, place).await;
                assert_eq!((answer.status(), &answer.json()["status"]), (503, &503.into()), "{target}");
                let line = zoo.gateway.access_line(&target).await;
                let told = ["cause", "policy"].map(|key| line[key].as_str());
                assert_eq!(told, [Some("policy-failed"), Some("caged")], "{target}");
            }
        }
        assert!(
            zoo.origin.requests().iter().all(|seen| !seen.complete || seen.target() == "/free"),
            "it has a whole one"
        );
        assert_eq!(zoo.gateway.call(&post()).await.text(), "firstnow", "who is not told to passes");
    }
}

#[tokio::test]
async fn a_response_whose_body_is_tampered_with_is_refused_or_cut_off_and_never_taken_for_whole() {
    for (cage, misdeeds) in misdeeds(LIES) {
        let mut zoo = start(cage).await;
        for place in ["attend-response", "response-piece", "response-end"] {
            for misdeed in misdeeds.iter().filter(|misdeed| can_be_done_at(place, misdeed)) {
                let request = told(caged(), misdeed.0, place);
                let cut_off = async |zoo: &Zoo, times| {
                    for _ in 0..times {
                        let answer = zoo.gateway.client().await.try_call(&request).await;
                        // Where the head is not on its way yet, there is an answer to give.
                        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 503), "{misdeed:?}");
                    }
                };
                zoo.is_stopped(*misdeed, cut_off).await;
            }
        }
        for (mode, ..) in &misdeeds {
            for place in ["response-piece", "response-end"] {
                let target = format!("/caged/{mode}/{place}");
                let came = receive_in_two_pieces(&zoo, &target, mode, place).await;
                assert!(!came.ends_with(LAST_CHUNK), "{target}: {}", came.escape_ascii());
                assert_eq!(zoo.gateway.access_line(&target).await["cause"], "policy-failed");
                is_reset(&zoo, mode, place).await;
            }
        }
        assert_eq!(zoo.gateway.call(&caged()).await.text(), "firstnow", "who is not told to passes");
    }
}

#[tokio::test]
async fn a_body_made_many_times_as_large_takes_the_memory_of_its_pieces() {
    let mut zoo = start(UNHURRIED).await;
    let body = "now".repeat(1 << 20);
    let large = body.clone();
    zoo.origin.script(move |_| Reply::ok(large.clone()).into());
    for request in [caged(), Request::post("/caged", body.clone())] {
        assert_eq!(zoo.gateway.call(&request).await.text(), body);
    }
    let before = zoo.gateway.peak();
    let swelling = told(caged(), "swell", "response-piece");
    let mut idle = zoo.gateway.client().await;
    idle.send(swelling.bytes()).await;
    assert_eq!(idle.receive_head().await.word(1), "200", "of one that reads no further");
    let answer = zoo.gateway.call(&swelling).await;
    assert!(answer.status() == 200 && answer.body.len() as u64 > 2 * GROWTH, "{} bytes", answer.body.len());
    let answer = zoo.gateway.call(&told(Request::post("/caged", body.clone()), "swell", "request-piece")).await;
    assert_eq!(answer.text(), body);
    let sent = zoo.origin.requests().pop().expect("the last request").body.len();
    assert!(sent as u64 > 2 * GROWTH, "{sent} bytes");
    let grown = zoo.gateway.peak().saturating_sub(before);
    assert!(grown <= GROWTH, "grown by {grown} bytes");
    assert!(zoo.gateway.is_alive());
}
