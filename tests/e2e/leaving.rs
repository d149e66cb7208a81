//! Clients that leave at each stage of a request, or take nothing: what was done for them ends.

use crate::harness::script::Step;
use crate::harness::sections::{plugin, policy};
use crate::harness::tls::Authority;
use crate::harness::{
    Answer, Client, Full, Gateway, Origin, Reply, Request, Setup, eventually, guests, route, upstream,
};

const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

/// A response of 100 MiB.
fn large() -> Answer {
    Reply::ok(vec![b'x'; 100 << 20]).into()
}

/// The request for this target is over, its client was not there to see it, and nothing counts it any more.
async fn is_forgotten(gateway: &Gateway, target: &str) {
    assert_eq!(gateway.access_line(target).await["cause"], "client-gone");
    for gauge in ["tidegate_requests_in_flight", "tidegate_endpoint_requests_in_flight"] {
        gateway.admin().until_metric(gauge, &[], 0.0).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_a_policy_waits_is_forgotten() {
    let (origin, auth) = (Origin::start().await, Origin::start().await);
    let keys = "grants = [\"http-client\"]\nupstreams = [\"auth\"]\n[plugin.limits]\nhttp_timeout = \"30s\"";
    let sections = upstream("origin", &[&origin])
        + &upstream("auth", &[&auth])
        + &plugin("asker", &guests::guest("asker"), keys)
        + &policy("ask", "asker", "")
        + &route("guarded", "origin", "policies = [\"ask\"]");
    let gateway = Setup::new(sections).start().await;
    auth.answer(Answer::hang());
    let half = b"POST /half HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 9\r\n\r\nhalf".to_vec();
    for (target, request) in
        [("/none", Request::get("/none").bytes()), ("/whole", Request::post("/whole", "body").bytes()), ("/half", half)]
    {
        let mut client = gateway.client().await;
        client.send(request).await;
        auth.until("the question", |asked| asked.iter().any(|seen| seen.body == target.as_bytes())).await;
        drop(client);
        auth.until_left_alone().await;
        is_forgotten(&gateway, target).await;
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_while_the_gateway_connects_is_forgotten() {
    let full = Full::listen().await;
    let upstream = full.upstream("full", "[upstream.timeouts]\nconnect = \"10m\"", &[]);
    let gateway = Setup::new(upstream + &route("all", "full", "")).start().await;
    for request in [Request::get("/full"), Request::post("/full-post", "body")] {
        let mut client = gateway.client().await;
        client.send(request.bytes()).await;
        gateway.admin().until_metric("tidegate_endpoint_requests_in_flight", &[], 1.0).await;
        drop(client);
        gateway.admin().until_metric("tidegate_endpoint_requests_in_flight", &[], 0.0).await;
    }
    is_forgotten(&gateway, "/full").await;
    is_forgotten(&gateway, "/full-post").await;
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_is_forgotten() {
    let (gateway, origin) = proxied().await;
    origin.answer(Answer::hang());
    let half = b"POST /half HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 9\r\n\r\nhalf".to_vec();
    for (number, (target, request)) in
        [("/none", Request::get("/none").bytes()), ("/whole", Request::post("/whole", "body").bytes()), ("/half", half)]
            .into_iter()
            .enumerate()
    {
        let mut client = gateway.client().await;
        client.send(request).await;
        origin.until("the request", |seen| seen.len() == number + 1).await;
        drop(client);
        origin.until_left_alone().await;
        is_forgotten(&gateway, target).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_its_answer_is_forgotten() {
    let (gateway, origin) = proxied().await;
    let begun = Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").then(Step::Hang);
    for (target, answer) in [("/silent", begun), ("/large", large())] {
        origin.answer(answer);
        let mut client = gateway.client().await;
        client.send(Request::get(target).bytes()).await;
        assert_eq!(client.receive_head().await.word(1), "200");
        drop(client);
        origin.until_left_alone().await;
        is_forgotten(&gateway, target).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_tunnel_takes_the_origin_with_it() {
    let (gateway, origin) = proxied().await;
    origin.answer(Answer::raw(UPGRADED).then(Step::Echo));
    let mut client = gateway.client().await;
    client.send(Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "101");
    client.send("ahoy").await;
    assert_eq!(client.receive_some().await, b"ahoy");
    drop(client);
    origin.until_left_alone().await;
    let line = gateway.access_line("/socket").await;
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&4.into(), &4.into()));
    gateway.admin().until_metric("tidegate_requests_in_flight", &[], 0.0).await;
}

#[tokio::test]
async fn a_client_that_sends_no_more_but_waits_is_taken_for_one_that_left() {
    let (gateway, origin) = proxied().await;
    origin.answer(Answer::hang());
    let mut client = gateway.client().await;
    client.send(Request::get("/half-closed").bytes()).await;
    client.finish().await;
    assert!(client.until_closed().await.is_empty());
    is_forgotten(&gateway, "/half-closed").await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_and_costs_little_memory() {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).limits("idle_timeout = \"300ms\"").start().await;
    origin.answer(Answer::from(Reply::ok("first")).then(Step::Close));
    assert_eq!(gateway.get("/").await.status(), 200);
    origin.answer(large());
    let before = gateway.resident();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = gateway.client().await;
        client.send(Request::get("/large").bytes()).await;
        clients.push(client);
    }
    origin.until("all requests", |seen| seen.len() == 5).await;
    origin.until_left_alone().await;
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{} KiB for four clients", grown >> 10);
    is_forgotten(&gateway, "/large").await;
}

#[tokio::test]
async fn a_tls_client_that_takes_nothing_gives_its_place_to_another() {
    let origin = Origin::start().await;
    let authority = Authority::new();
    let setup = Setup::proxying(&origin).limits("idle_timeout = \"300ms\"\nconnections = 1").listeners(
        "[[listener]]\nname = \"https\"\naddress = \"127.0.0.1:0\"\n\
         [listener.tls]\ncertificate = \"edge.crt\"\nkey = \"edge.key\"\n",
    );
    authority.issue(setup.directory(), "edge", "shop.test");
    let gateway = setup.start().await;
    origin.answer(large());
    let secured = authority.connect(gateway.listener("https"), "shop.test", &["http/1.1"]).await;
    let mut stuck = Client::over(secured.stream);
    stuck.send(Request::get("/large").field("host", "shop.test").bytes()).await;
    assert_eq!(gateway.access_line("/large").await["cause"], "client-gone");
    eventually("a place for another client", async || {
        let mut client = Client::connect(gateway.listener("https")).await;
        client.try_send("no TLS at all, and so an alert\r\n\r\n").await.ok()?;
        (!client.until_closed().await.is_empty()).then_some(())
    })
    .await;
    drop(stuck);
}
