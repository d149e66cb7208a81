//! Protocols and connections of both sides.

use tokio::net::TcpStream;

use crate::harness::h2::H2Client;
use crate::harness::script::Step;
use crate::harness::tls::Authority;
use crate::harness::{Answer, Client, Gateway, Latch, Origin, Reply, Request, Setup, eventually, h2};

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

/// A gateway with a TLS listener for `shop.test`.
async fn secured() -> (Gateway, Origin, Authority) {
    let origin = Origin::start().await;
    let authority = Authority::new();
    let setup = Setup::proxying(&origin).listeners(
        "[[listener]]\nname = \"https\"\naddress = \"127.0.0.1:0\"\n\
         [listener.tls]\ncertificate = \"edge.crt\"\nkey = \"edge.key\"\n",
    );
    authority.issue(setup.directory(), "edge", "shop.test");
    (setup.start().await, origin, authority)
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let (gateway, origin) = proxied().await;
    let mut client = gateway.client().await;
    for _ in 0..20 {
        assert_eq!(client.call(&Request::get("/")).await.status(), 200);
    }
    assert_eq!((origin.requests().len(), origin.connections()), (20, 1));
    assert!(origin.requests().iter().all(|seen| seen.connection == 1));
}

#[tokio::test]
async fn a_client_that_asks_to_close_is_answered_and_closed() {
    let (gateway, _origin) = proxied().await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(&Request::get("/").field("connection", "close")).await.status(), 200);
    assert!(client.until_closed().await.is_empty());
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (gateway, origin) = proxied().await;
    origin.script(|seen| Reply::ok(seen.target()).into());
    let mut client = gateway.client().await;
    let all =
        [Request::get("/1"), Request::post("/2", "body"), Request::post("/3", "body").chunked(), Request::get("/4")];
    client.send(all.iter().flat_map(Request::bytes).collect::<Vec<_>>()).await;
    for target in ["/1", "/2", "/3", "/4"] {
        assert_eq!(client.receive().await.text(), target);
    }
}

#[tokio::test]
async fn a_websocket_is_tunnelled() {
    let (gateway, origin) = proxied().await;
    origin.answer(
        Answer::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .then(Step::Echo),
    );
    let mut client = gateway.client().await;
    let request = Request::get("/socket")
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .field("sec-websocket-version", "13");
    client.send(request.bytes()).await;
    let head = client.receive_head().await;
    assert_eq!((head.word(1), head.field("upgrade")), ("101", Some("websocket")));
    for words in ["ahoy", "\r\nGET / HTTP/1.1\r\n\r\n"] {
        client.send(words).await;
        let mut came = Vec::new();
        while came.len() < words.len() {
            came.extend(client.receive_some().await);
        }
        assert_eq!(came, words.as_bytes());
    }
    let seen = origin.only_request();
    assert_eq!(seen.field("upgrade"), Some("websocket"));
    assert_eq!(seen.field("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
}

#[tokio::test]
async fn a_refused_websocket_leaves_an_ordinary_answer() {
    let (gateway, origin) = proxied().await;
    origin.answer_status(403);
    let request = Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket");
    assert_eq!(gateway.call(&request).await.status(), 403);
}

#[tokio::test]
async fn http2_by_prior_knowledge_serves_many_requests_on_one_connection() {
    let (gateway, origin) = proxied().await;
    let client = gateway.h2().await;
    let answers = (0..10).map(|_| client.call(h2::get("http://edge.test/"), &[]));
    let mut served = 0;
    for answer in answers {
        let answer = answer.await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "origin"));
        served += 1;
    }
    assert_eq!((served, origin.requests().len()), (10, 10));
    assert!(client.is_open());
}

#[tokio::test]
async fn tls_chooses_http2_where_both_are_offered() {
    let (gateway, origin, authority) = secured().await;
    let secured = authority.connect(gateway.listener("https"), "shop.test", &["h2", "http/1.1"]).await;
    assert_eq!(secured.chosen.as_deref(), Some("h2"));
    let answer = H2Client::over(secured.stream).await.call(h2::get("https://shop.test/"), &[]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(origin.only_request().all("x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn tls_speaks_http_1_1_where_the_client_knows_no_other() {
    let (gateway, origin, authority) = secured().await;
    for offered in [&["http/1.1"][..], &[]] {
        let secured = authority.connect(gateway.listener("https"), "shop.test", offered).await;
        let mut client = Client::over(secured.stream);
        for _ in 0..2 {
            assert_eq!(client.call(&Request::get("/").field("host", "shop.test")).await.status(), 200);
        }
    }
    assert!(origin.requests().iter().all(|seen| seen.all("x-forwarded-proto") == ["https"]));
}

#[tokio::test]
async fn plain_text_on_a_tls_listener_gets_nothing_from_an_origin() {
    let (gateway, origin, _authority) = secured().await;
    let mut client = Client::connect(gateway.listener("https")).await;
    client.send(Request::get("/").bytes()).await;
    let _ = client.until_closed().await;
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_at_the_origin() {
    let (gateway, origin) = proxied().await;
    origin.answer(Answer::hang());
    let mut client = gateway.client().await;
    client.send(Request::get("/slow").bytes()).await;
    origin.until("the request to arrive", |seen| seen.len() == 1).await;
    drop(client);
    origin.until_left_alone().await;
}

#[tokio::test]
async fn a_request_to_stop_ends_idle_connections_and_finishes_what_is_under_way() {
    let origin = Origin::start().await;
    let latch = Latch::new();
    let mut gateway = Setup::proxying(&origin).start().await;
    origin.answer(Answer::after(&latch, Reply::ok("finished")));
    let mut client = gateway.client().await;
    client.send(Request::get("/slow").bytes()).await;
    origin.until("the request to arrive", |seen| seen.len() == 1).await;
    gateway.signal("TERM").await;
    eventually("the listener to be gone", async || TcpStream::connect(gateway.address()).await.is_err().then_some(()))
        .await;
    latch.open();
    let answer = client.receive().await;
    assert_eq!((answer.text().as_str(), answer.field("connection")), ("finished", Some("close")));
    assert!(client.until_closed().await.is_empty());
    assert_eq!(gateway.until_ended().await, Some(0));
}

#[tokio::test]
async fn a_gateway_takes_as_many_open_files_as_it_may_have() {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    let [taken, most] = gateway.open_files();
    assert_eq!(taken, most);
    assert_ne!(taken, "256", "which is what it was started with");
}
