//! What never gets past the door: hostile and broken clients.

use crate::harness::origin::Seen;
use crate::harness::{Gateway, Origin, Request, Setup, eventually};

const HOST: &str = "Host: edge.test\r\n";

/// A gateway with short limits before an origin that must not be asked.
struct Guarded {
    gateway: Gateway,
    origin: Origin,
}

impl Guarded {
    async fn new() -> Self {
        Self::with("").await
    }

    async fn with(limits: &str) -> Self {
        let origin = Origin::start().await;
        let gateway = Setup::proxying(&origin).limits(limits).start().await;
        Self { gateway, origin }
    }

    /// Sends bytes that must be answered with this status, be counted under this reason, and end the connection.
    async fn refuses(&self, bytes: impl AsRef<[u8]>, status: u16, reason: &str) {
        let text = String::from_utf8_lossy(bytes.as_ref()).into_owned();
        let before = self.refused(reason).await;
        let mut client = self.gateway.client().await;
        // The gateway may answer and close before all of it is sent.
        let _ = client.try_send(bytes).await;
        let answer = client.receive().await;
        assert_eq!(answer.status(), status, "{:?}", text.get(..200).unwrap_or(&text));
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
        assert_eq!(answer.json()["status"], status);
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(client.until_closed().await.is_empty(), "one answer and no more");
        assert_eq!(self.refused(reason).await, before + 1.0, "refusals for {reason}");
        assert_eq!(self.origin.requests().len(), 0, "nothing of it reaches the origin");
    }

    async fn refused(&self, reason: &str) -> f64 {
        let metrics = self.gateway.admin().metrics().await;
        metrics.sum("tidegate_requests_refused_total", &[("listener", "http"), ("reason", reason)])
    }
}

#[tokio::test]
async fn two_ways_to_frame_a_body_are_refused() {
    let guarded = Guarded::new().await;
    for framing in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"]
    {
        guarded.refuses(format!("POST / HTTP/1.1\r\n{HOST}{framing}\r\n0\r\n\r\n"), 400, "both-framings").await;
    }
}

#[tokio::test]
async fn line_feeds_without_carriage_returns_are_refused() {
    let guarded = Guarded::new().await;
    for head in [
        format!("GET / HTTP/1.1\n{HOST}\r\n"),
        "GET / HTTP/1.1\r\nHost: edge.test\nX: y\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nHost: edge.test\n\n".to_owned(),
    ] {
        guarded.refuses(head, 400, "bare-lf").await;
    }
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    Guarded::new().await.refuses("GET / HTTP/1.1\r\n\r\n", 400, "no-host").await;
}

#[tokio::test]
async fn a_request_with_two_hosts_is_refused() {
    Guarded::new().await.refuses(format!("GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"), 400, "two-hosts").await;
}

#[tokio::test]
async fn two_content_lengths_are_refused_even_where_they_agree() {
    let guarded = Guarded::new().await;
    let head = format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab");
    guarded.refuses(head, 400, "two-content-lengths").await;
}

#[tokio::test]
async fn a_content_length_that_is_no_plain_number_is_refused() {
    let guarded = Guarded::new().await;
    for length in ["+2", "2, 2", "0x2", "-1", "99999999999999999999999"] {
        let head = format!("POST / HTTP/1.1\r\n{HOST}Content-Length: {length}\r\n\r\nab");
        guarded.refuses(head, 400, "content-length").await;
    }
}

#[tokio::test]
async fn a_field_continued_on_a_second_line_is_refused() {
    Guarded::new().await.refuses(format!("GET / HTTP/1.1\r\n{HOST}X: a\r\n b\r\n\r\n"), 400, "obs-fold").await;
}

#[tokio::test]
async fn a_field_name_followed_by_a_space_is_refused() {
    Guarded::new().await.refuses(format!("GET / HTTP/1.1\r\n{HOST}X : a\r\n\r\n"), 400, "field-name").await;
}

#[tokio::test]
async fn control_bytes_in_a_field_value_are_refused() {
    let guarded = Guarded::new().await;
    for value in ["a\0b", "a\rb", "a\x7fb"] {
        guarded.refuses(format!("GET / HTTP/1.1\r\n{HOST}X: {value}\r\n\r\n"), 400, "field-value").await;
    }
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_refused() {
    let head = format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    Guarded::new().await.refuses(head, 501, "transfer-coding").await;
}

#[tokio::test]
async fn a_field_that_imitates_framing_is_refused() {
    let head = format!("GET / HTTP/1.1\r\n{HOST}Content_Length: 3\r\n\r\n");
    Guarded::new().await.refuses(head, 400, "framing-look-alike").await;
}

#[tokio::test]
async fn an_illegal_byte_in_the_target_is_refused() {
    Guarded::new().await.refuses(format!("GET /a\"b HTTP/1.1\r\n{HOST}\r\n"), 400, "target").await;
}

#[tokio::test]
async fn a_version_that_does_not_travel_like_this_is_refused() {
    Guarded::new().await.refuses(format!("GET / HTTP/2.0\r\n{HOST}\r\n"), 505, "unsupported-version").await;
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let guarded = Guarded::new().await;
    let many: String = (0..40).map(|index| format!("X{index}: {}\r\n", "a".repeat(1000))).collect();
    guarded.refuses(format!("GET / HTTP/1.1\r\n{HOST}{many}\r\n"), 431, "head-too-large").await;
    let fields: String = (0..110).map(|index| format!("X{index}: a\r\n")).collect();
    guarded.refuses(format!("GET / HTTP/1.1\r\n{HOST}{fields}\r\n"), 431, "too-many-fields").await;
    guarded.refuses(format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(9000)), 414, "target-too-long").await;
}

#[tokio::test]
async fn broken_chunks_are_refused() {
    let guarded = Guarded::new().await;
    for chunks in ["3;a\nb\r\nabc\r\n0\r\n\r\n", "3;\0\r\nabc\r\n0\r\n\r\n", "3 x\r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n\n"]
    {
        let message = format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        guarded.refuses(message, 400, "chunk-framing").await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_sent() {
    let guarded = Guarded::with("body = \"1KiB\"").await;
    guarded.refuses(format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 1025\r\n\r\n"), 413, "body-too-large").await;
    let request = Request::post("/", "x".repeat(1024));
    assert_eq!(guarded.gateway.call(&request).await.status(), 200);
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_on_its_way_is_refused_and_never_whole_at_the_origin() {
    let guarded = Guarded::with("body = \"1KiB\"").await;
    for (target, rest, status, cause) in [
        ("/large", "400\r\n", 413, "body-too-large"),
        ("/garbage", "zz\r\n", 400, "bad-request"),
        ("/trailer", "0\r\n no-field\r\n\r\n", 400, "bad-request"),
    ] {
        let mut client = guarded.gateway.client().await;
        client.send(format!("POST {target} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")).await;
        let begun = |seen: &[Seen]| seen.iter().any(|seen| seen.target() == target && seen.body == b"first");
        guarded.origin.until("the first piece", begun).await;
        client.send(rest).await;
        let answer = client.receive().await;
        assert_eq!((answer.status(), answer.field("connection")), (status, Some("close")), "{target}");
        assert!(client.until_closed().await.is_empty());
        guarded.origin.until_left_alone().await;
        assert_eq!(guarded.gateway.access_line(target).await["cause"], cause);
        assert!(guarded.origin.requests().iter().all(|seen| !seen.complete), "{target}");
    }
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let guarded = Guarded::with("head_timeout = \"200ms\"").await;
    let mut client = guarded.gateway.client().await;
    let mut sent = 0;
    for byte in b"GET / HTTP/1.1\r\nHost: edge.test\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'a')) {
        if client.try_send([*byte]).await.is_err() || guarded.refused("head-timeout").await > 0.0 {
            break;
        }
        sent += 1;
    }
    assert!(sent > 0, "the head was refused before its time was up");
    assert!(client.until_closed().await.starts_with(b"HTTP/1.1 408 "));
    assert!(guarded.origin.requests().is_empty());
}

#[tokio::test]
async fn a_head_that_breaks_off_is_refused() {
    let guarded = Guarded::new().await;
    let mut client = guarded.gateway.client().await;
    client.send("GET / HTTP/1.1\r\nHost: edge").await;
    client.finish().await;
    let last = client.until_closed().await;
    assert!(last.is_empty() || last.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&last));
    assert!(guarded.origin.requests().is_empty());
}

#[tokio::test]
async fn a_connection_that_stays_silent_is_closed() {
    let guarded = Guarded::with("head_timeout = \"100ms\"\nidle_timeout = \"100ms\"").await;
    let mut silent = guarded.gateway.client().await;
    silent.until_closed().await;
    let mut idle = guarded.gateway.client().await;
    assert_eq!(idle.call(&Request::get("/")).await.status(), 200);
    assert!(idle.until_closed().await.is_empty(), "an idle connection is closed without a word");
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_at_once_and_admitted_when_others_left() {
    let guarded = Guarded::with("connections = 2").await;
    let (mut first, mut second) = (guarded.gateway.client().await, guarded.gateway.client().await);
    for client in [&mut first, &mut second] {
        assert_eq!(client.call(&Request::get("/")).await.status(), 200);
    }
    let mut third = guarded.gateway.client().await;
    let _ = third.try_send(Request::get("/").bytes()).await;
    assert!(!third.until_closed().await.starts_with(b"HTTP/1.1 200"));
    assert_eq!(first.call(&Request::get("/")).await.status(), 200);
    drop(second);
    eventually("a connection to be admitted again", async || {
        let mut client = guarded.gateway.client().await;
        client.try_call(&Request::get("/")).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_connection_ends_after_its_share_of_requests() {
    let guarded = Guarded::with("requests_per_connection = 3").await;
    let mut client = guarded.gateway.client().await;
    for _ in 0..2 {
        assert_ne!(client.call(&Request::get("/")).await.field("connection"), Some("close"));
    }
    assert_eq!(client.call(&Request::get("/")).await.field("connection"), Some("close"));
    assert!(client.until_closed().await.is_empty());
}

#[tokio::test]
async fn a_good_request_before_a_bad_one_is_answered() {
    let guarded = Guarded::new().await;
    let mut client = guarded.gateway.client().await;
    client.send(format!("GET /good HTTP/1.1\r\n{HOST}\r\nGET /bad HTTP/1.1\r\n\r\n")).await;
    assert_eq!(client.receive().await.status(), 200);
    assert_eq!(client.receive().await.status(), 400);
    assert!(client.until_closed().await.is_empty());
    assert_eq!(guarded.origin.only_request().target(), "/good");
}

#[tokio::test]
async fn bytes_smuggled_behind_a_websocket_request_are_not_taken_for_a_request() {
    let guarded = Guarded::new().await;
    guarded.origin.answer_status(403);
    let upgrade = Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket").bytes();
    let smuggled = b"GET /smuggled HTTP/1.1\r\nHost: edge.test\r\n\r\n";
    let mut client = guarded.gateway.client().await;
    client.send([upgrade.as_slice(), smuggled].concat()).await;
    assert_eq!(client.receive().await.status(), 403);
    let _ = client.try_receive(false).await;
    let seen = guarded.origin.requests();
    assert!(!seen[0].head.raw.windows(9).any(|window| window == b"/smuggled"), "{seen:?}");
    assert!(seen[0].body.is_empty());
}

#[tokio::test]
async fn noise_does_not_disturb_anybody_else() {
    let guarded = Guarded::new().await;
    let mut polite = guarded.gateway.client().await;
    for seed in 0..50_u32 {
        let noise: Vec<u8> = (0..500_u32).map(|i| (i.wrapping_mul(seed ^ 0x9e37_79b9) >> 13) as u8).collect();
        let mut client = guarded.gateway.client().await;
        let _ = client.try_send([noise.as_slice(), b"\r\n\r\n"].concat()).await;
        client.until_closed().await;
        assert_eq!(polite.call(&Request::get("/polite")).await.status(), 200);
    }
    assert!(guarded.origin.requests().iter().all(|seen| seen.target() == "/polite"));
}
