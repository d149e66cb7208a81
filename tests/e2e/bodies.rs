//! Bodies on their way through body policies, through the real binary.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::harness::message::Framing;
use crate::harness::script::{Step, chunks};
use crate::harness::sections::{plugin, policy, upstream_with};
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Response, Setup, guests, h2, route, upstream};

/// The policy `name`: the test guest with these keys, and further ones of plugin and policy.
fn redactor(name: &str, config: &str, plugin_keys: &str, policy_keys: &str) -> String {
    plugin(name, &guests::guest("redactor"), plugin_keys)
        + &policy(name, name, &format!("{policy_keys}\n[policy.config]\n{config}"))
}

/// One policy of this configuration before an origin that answers with the body it got.
async fn treated(config: &str) -> (Gateway, Origin) {
    treated_within(config, "", "").await
}

async fn treated_within(config: &str, plugin_keys: &str, policy_keys: &str) -> (Gateway, Origin) {
    let origin = echoing().await;
    let text = upstream("origin", &[&origin])
        + &redactor("redact", config, plugin_keys, policy_keys)
        + &route("all", "origin", "policies = [\"redact\"]");
    (Setup::new(text).start().await, origin)
}

async fn echoing() -> Origin {
    let origin = Origin::start().await;
    origin.script(|seen| Reply::ok(seen.body.clone()).into());
    origin
}

fn body_of(origin: &Origin) -> String {
    String::from_utf8_lossy(&origin.only_request().body).into_owned()
}

#[track_caller]
fn is_problem(answer: &Response, status: u16) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], status);
}

/// A response whose head is on its way before the latch lets the body follow.
fn body_after(latch: &Latch, length: usize, body: &str) -> Answer {
    Answer::raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"))
        .then(Step::Wait(latch.clone()))
        .then(Step::Send(body.into()))
}

#[tokio::test]
async fn a_word_is_hidden_from_the_origin_however_the_body_is_shown_and_framed() {
    for mode in ["whole", "pieces", "hold", "finish"] {
        let (gateway, origin) = treated(&format!("request = \"{mode}\"")).await;
        let mut client = gateway.client().await;
        for request in [Request::post("/", "a secret\n b"), Request::post("/", "a secret\n b").chunked()] {
            let answer = client.call(&request).await;
            assert_eq!((answer.status(), answer.text().as_str()), (200, "a ******\n b"), "{mode}");
        }
        for seen in origin.requests() {
            assert_eq!(String::from_utf8_lossy(&seen.body), "a ******\n b", "{mode}");
            assert_eq!((seen.all("transfer-encoding"), seen.field("content-length")), (vec!["chunked"], None));
        }
        assert_eq!(origin.connections(), 1, "both connections serve on");
    }
}

#[tokio::test]
async fn a_word_is_hidden_from_the_client_however_the_body_is_shown_and_framed() {
    for mode in ["whole", "pieces", "hold", "finish"] {
        let (gateway, origin) = treated(&format!("response = \"{mode}\"")).await;
        let mut client = gateway.client().await;
        for reply in [Reply::ok("a secret\n b"), Reply::ok("a secret\n b").chunked()] {
            origin.answer(reply);
            let answer = client.call(&Request::get("/")).await;
            assert_eq!((answer.status(), answer.text().as_str()), (200, "a ******\n b"), "{mode}");
            assert_eq!((answer.head.all("transfer-encoding"), answer.field("content-length")), (vec!["chunked"], None));
        }
        assert_eq!(origin.connections(), 1, "both connections serve on");
    }
}

#[tokio::test]
async fn a_word_cut_in_pieces_is_hidden_in_both_directions() {
    for mode in ["whole", "pieces", "hold"] {
        let (gateway, origin) = treated(&format!("request = \"{mode}\"\nresponse = \"{mode}\"")).await;
        let long = "x".repeat(997) + "secret" + &"y".repeat(500);
        let hidden = long.replace("secret", "******");
        let body = long.clone();
        origin.script(move |_| Reply::ok(body.clone()).chunked().into());
        let mut request = b"POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        request.extend(chunks(long.as_bytes()));
        assert_eq!(gateway.send(request).await.text(), hidden, "{mode}");
        assert_eq!(body_of(&origin), hidden, "{mode}");
    }
}

#[tokio::test]
async fn requests_meet_policies_in_order_and_responses_in_reverse() {
    let origin = echoing().await;
    let mark = |name| redactor(name, &format!("request = \"mark\"\nresponse = \"mark\"\nmark = \"{name}\""), "", "");
    let text = upstream("origin", &[&origin])
        + &mark("outer")
        + &mark("inner")
        + &route("all", "origin", "policies = [\"outer\", \"inner\"]");
    let gateway = Setup::new(text).start().await;
    let answer = gateway.call(&Request::post("/", "body")).await;
    assert_eq!(body_of(&origin), "inner<outer<body>outer>inner");
    assert_eq!(answer.text(), "outer<inner<inner<outer<body>outer>inner>inner>outer");
}

#[tokio::test]
async fn an_unattended_body_keeps_its_length() {
    let (gateway, origin) = treated("").await;
    let answer = gateway.call(&Request::post("/", "a secret")).await;
    assert_eq!((answer.text().as_str(), answer.field("content-length")), ("a secret", Some("8")));
    assert_eq!(origin.only_request().field("content-length"), Some("8"));
}

#[tokio::test]
async fn ten_mebibytes_pass_through_pieces_while_next_to_nothing_is_kept() {
    let keys = "[plugin.limits]\nbody = \"1KiB\"\nmemory = \"2MiB\"";
    let (gateway, origin) = treated_within("request = \"identity\"\nresponse = \"identity\"", keys, "").await;
    let body: Vec<u8> = (0_u32..10 << 18).flat_map(u32::to_le_bytes).collect();
    assert_eq!(body.len(), 10 << 20);
    for request in [Request::post("/", body.clone()), Request::post("/", body.clone()).chunked()] {
        let answer = gateway.call(&request).await;
        assert!(answer.status() == 200 && answer.body == body, "{} and {} bytes", answer.status(), answer.body.len());
    }
    assert!(origin.requests().iter().all(|seen| seen.complete && seen.body == body));
}

#[tokio::test]
async fn a_large_body_that_was_held_to_its_end_arrives_whole() {
    // What is asked is whether it is whole, not how long the host takes to copy it on a busy machine.
    let budget = "[plugin.limits]\ncpu = \"500ms\"";
    for mode in ["whole", "hold"] {
        let config = format!("request = \"{mode}\"\nresponse = \"{mode}\"");
        let (gateway, origin) = treated_within(&config, budget, "").await;
        let body = "a line of a body\n".repeat(10_000);
        let mut client = gateway.client().await;
        for request in [Request::post("/", body.clone()), Request::post("/", body.clone()).chunked()] {
            let answer = client.call(&request).await;
            assert!(answer.status() == 200 && answer.text() == body, "{mode}: {} octets", answer.body.len());
        }
        assert!(origin.requests().iter().all(|seen| seen.complete && seen.body == body.as_bytes()));
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_too_large() {
    let keys = "[plugin.limits]\nbody = \"1KiB\"";
    for mode in ["whole", "hold"] {
        let (gateway, origin) = treated_within(&format!("request = \"{mode}\""), keys, "").await;
        is_problem(&gateway.call(&Request::post("/", "a".repeat(4000)).chunked()).await, 413);
        let line = gateway.access_line("/").await;
        assert_eq!((&line["cause"], &line["policy"]), (&"body-too-large".into(), &"redact".into()));
        assert!(origin.requests().iter().all(|seen| !seen.complete), "the origin has the whole of it");
        assert_eq!(gateway.call(&Request::post("/", "a".repeat(1024)).chunked()).await.status(), 200);
    }
}

#[tokio::test]
async fn a_response_over_the_limit_is_cut_off() {
    let keys = "[plugin.limits]\nbody = \"1KiB\"";
    let (gateway, origin) = treated_within("response = \"whole\"", keys, "").await;
    let latch = Latch::new();
    origin.answer(body_after(&latch, 2000, &"a".repeat(2000)));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    latch.open();
    assert!(client.until_closed().await.is_empty());
    assert_eq!(gateway.access_line("/").await["cause"], "response-too-large");
    origin.until_left_alone().await;
}

#[tokio::test]
async fn a_policy_answers_in_the_middle_of_a_request() {
    let (gateway, origin) = treated("request = \"respond\"").await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
    origin.until("the first piece at the origin", |seen| seen.iter().any(|seen| seen.body == b"first")).await;
    client.send("9\r\nforbidden\r\n").await;
    let answer = client.receive().await;
    assert_eq!((answer.status(), answer.text().as_str()), (403, "stop"));
    assert!(answer.field("x-request-id").is_some());
    origin.until_left_alone().await;
    assert!(!origin.only_request().complete);
    let line = gateway.access_line("/").await;
    assert_eq!((&line["status"], &line["cause"], &line["policy"]), (&403.into(), &"policy".into(), &"redact".into()));
}

#[tokio::test]
async fn an_answer_in_the_middle_of_a_request_cuts_off_a_response_that_has_begun() {
    let hasty = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port can be bound");
    let address = hasty.local_addr().expect("the address of a bound socket");
    let text = format!("[[upstream]]\nname = \"hasty\"\n[[upstream.endpoint]]\naddress = \"{address}\"\n")
        + &redactor("redact", "request = \"respond\"", "", "")
        + &route("all", "hasty", "policies = [\"redact\"]");
    let gateway = Setup::new(text).start().await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let (mut upstream, _) = hasty.accept().await.expect("the gateway connects");
    upstream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.expect("an open connection");
    assert_eq!(client.receive_head().await.word(1), "200");
    client.send("9\r\nforbidden\r\n").await;
    assert!(client.until_closed().await.is_empty());
    assert_eq!(gateway.access_line("/").await["cause"], "policy");
}

#[tokio::test]
async fn an_answer_in_the_middle_of_a_response_cuts_it_off() {
    let (gateway, origin) = treated("response = \"respond\"").await;
    let latch = Latch::new();
    origin.answer(body_after(&latch, 9, "forbidden"));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    latch.open();
    assert!(client.until_closed().await.is_empty(), "not even the last chunk");
    let line = gateway.access_line("/").await;
    assert_eq!((&line["status"], &line["cause"]), (&200.into(), &"policy".into()));
    origin.until_left_alone().await;
}

#[tokio::test]
async fn who_has_no_body_is_not_asked_about_it() {
    let (gateway, origin) = treated("request = \"refuse\"\nresponse = \"refuse\"").await;
    let mut client = gateway.client().await;
    for (request, reply) in [
        (Request::get("/"), Reply::new(204)),
        (Request::get("/"), Reply::new(304)),
        (Request::get("/"), Reply::ok("")),
        (Request::post("/", ""), Reply::new(404)),
        (Request::new("HEAD", "/"), Reply::ok("a body")),
    ] {
        origin.answer(reply);
        let answer = client.call(&request).await;
        assert!([200, 204, 304, 404].contains(&answer.status()), "{request:?}: {answer:?}");
        assert_eq!(answer.field("transfer-encoding"), None, "{request:?}");
    }
    assert!(origin.requests().iter().all(|seen| seen.field("transfer-encoding").is_none()));
    is_problem(&gateway.call(&Request::post("/", "body")).await, 503);
}

#[tokio::test]
async fn a_response_to_head_does_not_promise_the_length_of_a_body_that_may_change() {
    let (gateway, origin) = treated("response = \"mark\"").await;
    origin.answer(Reply::ok("a body"));
    let mut client = gateway.client().await;
    assert_eq!(client.call(&Request::new("HEAD", "/")).await.field("content-length"), None);
    assert_eq!(client.call(&Request::get("/")).await.text(), "<a body>");
}

#[tokio::test]
async fn bodies_of_http2_are_treated_as_well() {
    let (gateway, origin) = treated("request = \"pieces\"\nresponse = \"mark\"").await;
    let client = gateway.h2().await;
    for pieces in [&["a se", "cr", "et"][..], &["a secret", ""], &["a secret"]] {
        let answer = client.call(h2::post("http://edge.test/"), pieces).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "<a ******>"), "{pieces:?}");
        assert_eq!(answer.field("content-length"), None);
    }
    let sized = http::Request::post("http://edge.test/").header("content-length", "8").body(()).expect("legal");
    assert_eq!(client.call(sized, &["a secret"]).await.text(), "<a ******>");
    for seen in origin.requests() {
        assert_eq!((seen.all("transfer-encoding"), seen.field("content-length")), (vec!["chunked"], None));
        assert!(seen.complete);
    }
    assert_eq!(origin.connections(), 1);
    assert_eq!(client.call(h2::post("http://edge.test/"), &[""]).await.text(), "");
}

#[tokio::test]
async fn an_http2_response_that_is_cut_off_is_reset() {
    let (gateway, origin) = treated("response = \"respond\"").await;
    let latch = Latch::new();
    origin.answer(body_after(&latch, 9, "forbidden"));
    let client = gateway.h2().await;
    let call = client.try_call(h2::get("http://edge.test/"), &[]);
    let open = async {
        origin.until("the request", |seen| !seen.is_empty()).await;
        latch.open();
    };
    let (answer, ()) = tokio::join!(call, open);
    // The head may not have been on its way yet: then there is an answer to give.
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 403));
    assert!(client.is_open());
}

#[tokio::test]
async fn an_http_1_0_client_sees_the_end_of_a_treated_body_by_the_end_of_the_connection() {
    let (gateway, origin) = treated("response = \"mark\"").await;
    origin.answer(Reply::ok("body"));
    let mut client = gateway.client().await;
    client.send("GET / HTTP/1.0\r\nHost: edge.test\r\n\r\n").await;
    let answer = client.receive().await;
    assert_eq!((answer.field("transfer-encoding"), answer.field("content-length")), (None, None));
    assert_eq!(answer.head.response_framing(false), Framing::UntilClose);
    assert_eq!(answer.text(), "<body>");
}

#[tokio::test]
async fn a_tunnel_is_no_body() {
    let (gateway, origin) = treated("request = \"refuse\"\nresponse = \"refuse\"").await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    origin.answer(Answer::raw(switch).then(Step::Echo));
    let mut client = gateway.client().await;
    let request = Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket");
    client.send(request.bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "101");
    client.send("a secret").await;
    let mut came = Vec::new();
    while came.len() < 8 {
        came.extend(client.receive_some().await);
    }
    assert_eq!(came, b"a secret");
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_request_refuses_it() {
    let (gateway, origin) = treated("request = \"trap\"").await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
    origin.until("the first piece at the origin", |seen| seen.iter().any(|seen| seen.body == b"first")).await;
    client.send("4\r\ntrap\r\n").await;
    is_problem(&client.receive().await, 503);
    origin.until_left_alone().await;
    assert!(!origin.only_request().complete);
    assert_eq!(gateway.access_line("/").await["cause"], "policy-failed");
    assert_eq!(gateway.call(&Request::post("/", "again")).await.text(), "again");
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_response_cuts_it_off() {
    let (gateway, origin) = treated("response = \"trap\"").await;
    let latch = Latch::new();
    origin.answer(body_after(&latch, 4, "trap"));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    latch.open();
    assert!(client.until_closed().await.is_empty());
    assert_eq!(gateway.access_line("/").await["cause"], "policy-failed");
}

#[tokio::test]
async fn a_failure_that_is_allowed_loses_nothing_and_ends_the_policys_part() {
    let allow = "on_failure = \"allow\"";
    let (gateway, origin) = treated_within("request = \"trap\"\nresponse = \"trap\"", "", allow).await;
    let answer = gateway.call(&Request::post("/", "a trap and more").chunked()).await;
    assert_eq!((answer.text().as_str(), body_of(&origin).as_str()), ("a trap and more", "a trap and more"));
    let metrics = gateway.admin().metrics().await;
    let labels = [("policy", "redact"), ("outcome", "trap")];
    assert_eq!(metrics.sum("tidegate_policy_calls_total", &labels), 2.0, "once in each direction");
    let (gateway, _origin) = treated_within("request = \"refuse\"\nresponse = \"refuse\"", "", allow).await;
    let answer = gateway.call(&Request::post("/", "body")).await;
    assert_eq!((answer.text().as_str(), answer.field("content-length")), ("body", Some("4")));
}

#[tokio::test]
async fn more_memory_than_allowed_is_a_failure() {
    let (gateway, _origin) = treated("request = \"forget\"").await;
    is_problem(&gateway.call(&Request::post("/", "body")).await, 503);
    gateway.until_logged("memory of 4097 bytes is over the limit of 4096").await;
}

#[tokio::test]
async fn another_try_sends_the_treated_body_anew() {
    let (broken, up) = (Origin::named("broken").await, echoing().await);
    broken.answer(Answer::reset());
    let text = upstream_with("shop", "retries = 1", &[(&broken, 100), (&up, 100)])
        + &redactor("redact", "request = \"mark\"", "", "")
        + &route("all", "shop", "policies = [\"redact\"]");
    let gateway = Setup::new(text).start().await;
    for _ in 0..4 {
        for request in [Request::new("PUT", "/").body("body"), Request::new("PUT", "/").body("body").chunked()] {
            assert_eq!(gateway.call(&request).await.text(), "<body>");
        }
    }
    assert!(broken.requests().iter().chain(&up.requests()).all(|seen| seen.body == b"<body>"));
    assert_eq!(up.requests().len(), 8);
    assert!(!broken.requests().is_empty());
}
