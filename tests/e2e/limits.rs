//! Limits, and the ways around them that lead nowhere, through the real binary.

use crate::harness::script::Step;
use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::{
    Answer, Client, Gateway, Latch, Origin, Reply, Request, Setup, eventually, guests, h2, route, upstream,
};

const COUNTERS: &str = "grants = [\"counters\"]";

/// The policy `limit`.
fn limit(config: &str) -> String {
    plugin("rate-limit", &guests::shipped("rate_limit"), "")
        + &policy("limit", "rate-limit", &format!("[policy.config]\n{config}"))
}

async fn guarded(sections: &str, policies: &str, more: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let route = route("all", "origin", &format!("policies = {policies}"));
    let setup = Setup::new(upstream("origin", &[&origin]) + sections + &route);
    (setup.section(more).start().await, origin)
}

async fn statuses(gateway: &Gateway, requests: impl IntoIterator<Item = Request>) -> Vec<u16> {
    let mut client = gateway.client().await;
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(client.call(&request).await.status());
    }
    statuses
}

#[tokio::test]
async fn every_one_of_several_limits_holds_and_is_shown() {
    let limits =
        "limits = [{ limit = 2, window = \"1h\" }, { limit = 3, window = \"1d\" }]\ncost_by_method = { PUT = 2 }";
    let (gateway, _origin) = guarded(&limit(limits), "[\"limit\"]", "").await;
    let mut client = gateway.client().await;
    let first = client.call(&Request::new("PUT", "/")).await;
    assert_eq!(first.field("ratelimit-policy"), Some("\"1h\";q=2;w=3600, \"1d\";q=3;w=86400"));
    assert!(first.field("ratelimit").is_some_and(|standing| standing.starts_with("\"1h\";r=0;t=")));
    let second = client.call(&Request::get("/")).await;
    assert_eq!(second.status(), 429);
    let seconds: u32 = second.field("retry-after").and_then(|value| value.parse().ok()).expect("whole seconds");
    assert!((1..=1800).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn the_limits_of_two_policies_are_told_side_by_side_and_none_that_the_upstream_has() {
    let day = policy("day", "rate-limit", "[policy.config]\nname = \"day\"\nlimit = 1\nwindow = \"1d\"");
    let sections = limit("name = \"hour\"\nlimit = 5\nwindow = \"1h\"") + &day;
    let (gateway, origin) = guarded(&sections, "[\"limit\", \"day\"]", "").await;
    origin.answer(Reply::ok("").field("ratelimit", "\"own\";r=9;t=9"));
    let mut client = gateway.client().await;
    for (status, left) in [(200, ["\"hour\";r=4;", "\"day\";r=0;"]), (429, ["\"hour\";r=3;", "\"day\";r=0;"])] {
        let answer = client.call(&Request::get("/")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.head.all("ratelimit-policy"), ["\"hour\";q=5;w=3600", "\"day\";q=1;w=86400"]);
        let standing = answer.head.all("ratelimit");
        let is_told = standing.len() == 2 && standing.iter().zip(left).all(|(item, left)| item.starts_with(left));
        assert!(is_told, "{standing:?}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_request_escapes_its_limit() {
    let (gateway, origin) = guarded(&limit("limit = 1\nwindow = \"1h\""), "[\"limit\"]", "").await;
    assert_eq!(gateway.get("/").await.status(), 200);
    let get = || Request::get("/");
    let requests = [
        get().field("x-forwarded-for", "203.0.113.1"),
        get().field("x-forwarded-for", "203.0.113.1, 203.0.113.2"),
        get().field("X-Real-IP", "203.0.113.1"),
        get().field("forwarded", "for=203.0.113.1"),
        get().field("x-consumer-name", "alice"),
        get().field("x_consumer_name", "alice"),
        Request::get("//"),
        Request::get("/%41"),
        Request::get("/?a"),
        Request::new("HEAD", "/a"),
        Request::new("PATCH", "/A"),
    ];
    let expected = vec![429; requests.len()];
    assert_eq!(statuses(&gateway, requests).await, expected);
    for host in ["EDGE.test", "edge.test:80", "edge.test.", "other.test"] {
        let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(gateway.send(head).await.status(), 429, "{host}");
    }
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_does_not_escape_by_an_address_of_its_network() {
    let trusted = "[forwarded]\ntrusted = [\"127.0.0.0/8\"]\n";
    let (gateway, _origin) = guarded(&limit("limit = 1\nwindow = \"1h\""), "[\"limit\"]", trusted).await;
    let from = |address: &str| Request::get("/").field("x-forwarded-for", address);
    let requests = [
        from("2001:db8:1:2::1"),
        from("2001:db8:1:2:ffff:1:2:3"),
        from("2001:DB8:0001:2::9"),
        from("1.2.3.4, 2001:db8:1:2::7"),
        from("2001:db8:1:3::1"),
        from("192.0.2.7"),
        from("::ffff:192.0.2.7"),
    ];
    assert_eq!(statuses(&gateway, requests).await, [200, 429, 429, 429, 200, 200, 429]);
}

#[tokio::test]
async fn a_combination_counts_consumers_on_each_route_apart() {
    let origin = Origin::start().await;
    let sections = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &consumer("alice", "alice-key")
        + &consumer("bob", "bob-key")
        + &limit("limit = 1\nwindow = \"1h\"\nby = [\"consumer\", \"route\"]")
        + &route("a", "origin", "path = { prefix = \"/a\" }\npolicies = [\"keys\", \"limit\"]")
        + &route("b", "origin", "path = { prefix = \"/b\" }\npolicies = [\"keys\", \"limit\"]");
    let gateway = Setup::new(sections).start().await;
    let with = |key: &str, path: &str| Request::get(path).field("apikey", key);
    let requests = [
        with("alice-key", "/a"),
        with("alice-key", "/a"),
        with("alice-key", "/b"),
        with("bob-key", "/a"),
        with("bob-key", "/a/b"),
    ];
    assert_eq!(statuses(&gateway, requests).await, [200, 429, 200, 200, 429]);
}

/// The policy `places`.
fn places(config: &str) -> String {
    plugin("concurrency-limit", &guests::shipped("concurrency_limit"), COUNTERS)
        + &policy("places", "concurrency-limit", &format!("[policy.config]\n{config}"))
}

/// A gateway with one place, taken by a request that the origin does not answer yet.
async fn occupied() -> (Gateway, Origin, Latch, Client) {
    let (gateway, origin) = guarded(&places("limit = 1"), "[\"places\"]", "").await;
    let latch = Latch::new();
    origin.answer(Answer::after(&latch, Reply::ok("at last")));
    let mut first = gateway.client().await;
    first.send(Request::get("/first").bytes()).await;
    origin.until("the first request", |seen| seen.len() == 1).await;
    (gateway, origin, latch, first)
}

async fn until_there_is_room(gateway: &Gateway) {
    eventually("a free place", async || (gateway.get("/later").await.status() == 200).then_some(())).await;
}

#[tokio::test]
async fn a_request_over_those_under_way_is_refused_until_one_is_over() {
    let (gateway, origin, latch, mut first) = occupied().await;
    let second = gateway.get("/second").await;
    assert_eq!((second.status(), origin.requests().len()), (429, 1));
    latch.open();
    assert_eq!(first.receive().await.text(), "at last");
    until_there_is_room(&gateway).await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_place() {
    let (gateway, origin, _latch, first) = occupied().await;
    assert_eq!(gateway.get("/second").await.status(), 429);
    origin.answer_well();
    drop(first);
    until_there_is_room(&gateway).await;
}

#[tokio::test]
async fn an_http2_stream_that_is_reset_leaves_its_place() {
    let (gateway, origin) = guarded(&places("limit = 1"), "[\"places\"]", "").await;
    let latch = Latch::new();
    origin.answer(Answer::after(&latch, Reply::ok("never")));
    let client = gateway.h2().await;
    let call = client.call(h2::get("http://edge.test/first"), &[]);
    tokio::select! {
        _ = call => panic!("nobody answers"),
        () = origin.until("the first request", |seen| seen.len() == 1) => {}
    }
    origin.answer_well();
    until_there_is_room(&gateway).await;
    assert!(client.is_open());
}

#[tokio::test]
async fn a_websocket_holds_its_place_until_it_is_closed() {
    let (gateway, origin) = guarded(&places("limit = 1"), "[\"places\"]", "").await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    origin.answer(Answer::raw(switch).then(Step::Echo));
    let mut socket = gateway.client().await;
    let request = Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket");
    socket.send(request.bytes()).await;
    assert_eq!(socket.receive_head().await.word(1), "101");
    origin.answer_well();
    socket.send("ahoy").await;
    assert_eq!(socket.receive_some().await, b"ahoy");
    assert_eq!(gateway.get("/second").await.status(), 429);
    drop(socket);
    until_there_is_room(&gateway).await;
}

#[tokio::test]
async fn places_are_held_over_a_reload() {
    let (gateway, origin, latch, mut first) = occupied().await;
    let routes = route("all", "origin", "policies = [\"places\"]") + &route("new", "origin", "hosts = [\"new.test\"]");
    gateway.take_over(upstream("origin", &[&origin]) + &places("limit = 1") + &routes).await;
    assert_eq!(gateway.get("/second").await.status(), 429);
    latch.open();
    assert_eq!(first.receive().await.status(), 200);
    until_there_is_room(&gateway).await;
}

#[tokio::test]
async fn requests_that_an_earlier_policy_refuses_free_nobodys_place() {
    let origin = Origin::start().await;
    let sections = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &consumer("alice", "alice-key")
        + &places("limit = 1\nby = \"client-address\"")
        + &route("all", "origin", "policies = [\"keys\", \"places\"]");
    let gateway = Setup::new(sections).start().await;
    let latch = Latch::new();
    origin.answer(Answer::after(&latch, Reply::ok("at last")));
    let known = || Request::get("/").field("apikey", "alice-key");
    let mut first = gateway.client().await;
    first.send(known().bytes()).await;
    origin.until("the first request", |seen| seen.len() == 1).await;
    assert_eq!(statuses(&gateway, (0..5).map(|_| Request::get("/"))).await, [401; 5]);
    assert_eq!(gateway.call(&known()).await.status(), 429);
    latch.open();
    assert_eq!(first.receive().await.status(), 200);
}

async fn sized(config: &str) -> (Gateway, Origin) {
    let size = plugin("request-size", &guests::shipped("request_size"), "")
        + &policy("size", "request-size", &format!("[policy.config]\n{config}"));
    guarded(&size, "[\"size\"]", "").await
}

#[tokio::test]
async fn an_announced_body_over_the_limit_never_reaches_the_origin() {
    let (gateway, origin) = sized("body = \"10B\"").await;
    assert_eq!(gateway.call(&Request::post("/", "0123456789")).await.status(), 200);
    assert_eq!(gateway.call(&Request::post("/", "0123456789a")).await.status(), 413);
    let head = "POST / HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 11\r\nexpect: 100-continue\r\n\r\n";
    assert_eq!(gateway.send(head).await.status(), 413, "without the body");
    assert_eq!(origin.only_request().body, b"0123456789");
}

#[tokio::test]
async fn a_body_in_chunks_is_cut_off_where_it_exceeds_the_limit() {
    let (gateway, origin) = sized("body = \"10B\"").await;
    assert_eq!(gateway.call(&Request::post("/large", "0123456789a").chunked()).await.status(), 413);
    let small: Vec<_> = (0..11).map(|_| "1\r\nx\r\n").collect();
    let head = "POST /slow HTTP/1.1\r\nhost: edge.test\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(gateway.send(head.to_owned() + &small.concat() + "0\r\n\r\n").await.status(), 413);
    origin.until_left_alone().await;
    for seen in origin.requests() {
        assert!(seen.body.len() <= 10 && !seen.complete, "{seen:?}");
    }
    assert_eq!(gateway.call(&Request::post("/small", "0123456789").chunked()).await.status(), 200);
}

#[tokio::test]
async fn a_body_over_http2_is_counted_as_well() {
    let (gateway, origin) = sized("body = \"10B\"").await;
    let client = gateway.h2().await;
    let post = || h2::post("http://edge.test/");
    assert_eq!(client.call(post(), &["01234", "56789"]).await.status(), 200);
    assert_eq!(client.call(post(), &["01234", "56789", "a"]).await.status(), 413);
    assert!(origin.requests().iter().all(|seen| seen.body.len() <= 10));
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_where_one_is_required() {
    let (gateway, origin) = sized("require_length = true").await;
    assert_eq!(gateway.call(&Request::post("/", "abc").chunked()).await.status(), 411);
    assert_eq!(gateway.call(&Request::post("/", "abc")).await.status(), 200);
    assert_eq!(gateway.get("/").await.status(), 200);
    let client = gateway.h2().await;
    assert_eq!(client.call(h2::post("http://edge.test/"), &["abc"]).await.status(), 411);
    assert_eq!(client.call(h2::get("http://edge.test/"), &[]).await.status(), 200);
    assert!(origin.requests().iter().all(|seen| seen.body.is_empty() || seen.body == b"abc"));
}
