//! Endpoints that speak HTTP/2 alone, and clients that do not.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::Response;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{before, tls, trusted};
use crate::harness::service::{Service, Speaks};
use crate::harness::{Gateway, Request, Setup, route};

const HTTP2: &str = "protocol = \"http/2\"\n";

#[tokio::test]
async fn a_client_of_http1_is_answered_by_an_endpoint_of_http2() {
    let setup = Setup::new("");
    let authority = trusted(&setup);
    let plain = Service::plain(Speaks::Http2).await;
    let secured = Service::secured(Speaks::Http2, &authority, setup.directory(), "service").await;
    let gateway = before(setup, &plain, HTTP2).await;
    let told = |by: &str| format!("HTTP/2.0 GET /one for edge.test by {by}\n");
    assert_eq!(gateway.get("/one").await.text(), told("none"));
    gateway.take_over(secured.upstream(&format!("{HTTP2}{}", tls(""))) + &route("all", "service", "")).await;
    assert_eq!(gateway.get("/one").await.text(), told("service.test"));
}

#[tokio::test]
async fn bodies_of_any_size_and_framing_arrive_whole() {
    let service = Service::plain(Speaks::Http2).await;
    let gateway = before(Setup::new(""), &service, HTTP2).await;
    let mut client = gateway.client().await;
    for length in [0, 1, 5_000, 70_000, 1_000_000] {
        let body: String = (0..length).map(|index| char::from(b'a' + (index % 23) as u8)).collect();
        for request in [Request::post("/big", body.clone()), Request::post("/big", body.clone()).chunked()] {
            let answer = client.call(&request).await;
            let text = answer.text();
            let (line, rest) = text.split_once('\n').unwrap();
            assert_eq!((answer.status(), line), (200, "HTTP/2.0 POST /big for edge.test by none"));
            assert!(rest == body, "{length} octets, of which {} came back", rest.len());
        }
    }
    assert_eq!(service.connections(), 1);
}

#[tokio::test]
async fn many_exchanges_share_a_connection() {
    let service = Service::plain(Speaks::Http2).await;
    let gateway = before(Setup::new(""), &service, HTTP2).await;
    gateway.get("/first").await;
    let mut clients = JoinSet::new();
    for _ in 0..40 {
        let address = gateway.address();
        clients.spawn(async move {
            let mut client = crate::harness::Client::connect(address).await;
            for _ in 0..5 {
                assert_eq!(client.call(&Request::get("/one")).await.status(), 200);
            }
        });
    }
    clients.join_all().await;
    // At most a few for each of two workers, whose first requests may come at the same time.
    assert!(service.connections() <= 40, "{} connections for 201 requests", service.connections());
}

/// Answers the streams of each connection as told, by the number of the stream over all connections.
async fn by_hand(answer: fn(usize, SendResponse<Bytes>) -> bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let count = Arc::<AtomicUsize>::default();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&count), answer));
        }
    });
    address
}

/// Serves one connection until `answer` says that it ends.
async fn serve(stream: TcpStream, count: Arc<AtomicUsize>, answer: fn(usize, SendResponse<Bytes>) -> bool) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, respond))) = connection.accept().await {
        if !answer(count.fetch_add(1, Ordering::Relaxed) + 1, respond) {
            connection.graceful_shutdown();
            let _ = poll_fn(|cx| connection.poll_closed(cx)).await;
            return;
        }
    }
}

fn well(mut respond: SendResponse<Bytes>) {
    let mut body = respond.send_response(Response::new(()), false).unwrap();
    body.send_data(Bytes::from_static(b"well"), true).unwrap();
}

async fn asking(address: SocketAddr) -> Gateway {
    let upstream = format!("[[upstream]]\nname = \"service\"\n{HTTP2}endpoint = [{{ address = \"{address}\" }}]\n");
    Setup::new(upstream + &route("all", "service", "")).start().await
}

#[tokio::test]
async fn an_endpoint_that_says_goodbye_loses_no_request() {
    let address = by_hand(|count, respond| {
        well(respond);
        count % 2 == 1
    })
    .await;
    let gateway = asking(address).await;
    let mut client = gateway.client().await;
    for _ in 0..10 {
        assert_eq!(client.call(&Request::post("/order", "one")).await.text(), "well");
    }
}

#[tokio::test]
async fn a_stream_that_was_refused_is_asked_for_again_with_any_method() {
    let refusing = by_hand(|_, mut respond| {
        respond.send_reset(Reason::REFUSED_STREAM);
        true
    });
    let willing = by_hand(|_, respond| {
        well(respond);
        true
    });
    let (refusing, willing) = (refusing.await, willing.await);
    let endpoints = format!("[{{ address = \"{refusing}\" }}, {{ address = \"{willing}\" }}]");
    let upstream = format!("[[upstream]]\nname = \"service\"\n{HTTP2}endpoint = {endpoints}\n");
    let gateway = Setup::new(upstream + &route("all", "service", "")).start().await;
    let mut client = gateway.client().await;
    for _ in 0..4 {
        assert_eq!(client.call(&Request::post("/order", "one")).await.text(), "well");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_the_endpoints_fault() {
    let address = by_hand(|_, mut respond| {
        respond.send_reset(Reason::INTERNAL_ERROR);
        true
    })
    .await;
    let gateway = asking(address).await;
    let answer = gateway.call(&Request::post("/order", "one")).await;
    assert_eq!(answer.status(), 502);
    assert_eq!(gateway.access_line("/order").await["cause"], "upstream-reset");
}

#[tokio::test]
async fn an_answer_without_a_body_has_none() {
    let address = by_hand(|count, mut respond| {
        let status = [204, 304, 200][count % 3];
        respond.send_response(Response::builder().status(status).body(()).unwrap(), true).unwrap();
        true
    })
    .await;
    let gateway = asking(address).await;
    let mut client = gateway.client().await;
    for status in [304, 200, 204] {
        let answer = client.call(&Request::get("/nothing")).await;
        assert_eq!((answer.status(), answer.text().as_str()), (status, ""));
    }
    let head = client.call(&Request::new("HEAD", "/nothing")).await;
    assert_eq!(head.text(), "");
}

#[tokio::test]
async fn what_was_said_before_the_answer_is_passed_on() {
    let address = by_hand(|_, mut respond| {
        let early = Response::builder().status(103).header("link", "</a.css>").body(()).unwrap();
        respond.send_informational(early).unwrap();
        well(respond);
        true
    })
    .await;
    let gateway = asking(address).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/page").bytes()).await;
    assert_eq!(client.receive().await.status(), 103);
    assert_eq!(client.receive().await.text(), "well");
}

#[tokio::test]
async fn an_endpoint_that_speaks_another_version_is_no_server_of_http2() {
    let service = Service::plain(Speaks::Http1).await;
    let gateway = before(Setup::new(""), &service, HTTP2).await;
    assert_eq!(gateway.get("/one").await.status(), 502);
}
