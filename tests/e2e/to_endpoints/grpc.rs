//! gRPC from end to end: streams both ways, trailers, what it asks of its way.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;

use super::{before, tls, trusted};
use crate::harness::sections::{plugin, policy};
use crate::harness::service::{Service, Speaks};
use crate::harness::wait::within;
use crate::harness::{Gateway, Setup, eventually, guests, route};

async fn connect(gateway: &Gateway) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(gateway.address()).await.expect("the gateway listens");
    let (send, connection) = h2::client::handshake(stream).await.expect("an HTTP/2 connection");
    tokio::spawn(connection);
    send.ready().await.expect("a free stream")
}

fn call() -> Request<()> {
    let request = Request::post("http://client.test/echo.Echo/Both");
    request.header("content-type", "application/grpc").header("te", "trailers").body(()).expect("legal fields")
}

async fn next(body: &mut RecvStream) -> String {
    let piece = within("a message", body.data()).await.expect("a message").expect("a whole one");
    body.flow_control().release_capacity(piece.len()).expect("what was received");
    String::from_utf8(piece.to_vec()).expect("text")
}

async fn trailers(body: &mut RecvStream) -> HeaderMap {
    within("trailers", body.trailers()).await.expect("an end in peace").expect("trailers")
}

/// Two messages each way, the second only once the first has come back.
async fn talk(gateway: &Gateway) -> (Response<()>, HeaderMap) {
    let mut send = connect(gateway).await;
    let (answer, mut up) = send.send_request(call(), false).expect("a stream");
    up.send_data(Bytes::from_static(b"first"), false).expect("an open stream");
    let (head, mut down) = within("an answer", answer).await.expect("an answer").into_parts();
    assert!(next(&mut down).await.starts_with("HTTP/2.0 POST /echo.Echo/Both"));
    assert_eq!(next(&mut down).await, "first");
    up.send_data(Bytes::from_static(b"second"), true).expect("an open stream");
    assert_eq!(next(&mut down).await, "second");
    let trailers = trailers(&mut down).await;
    (Response::from_parts(head, ()), trailers)
}

#[tokio::test]
async fn messages_go_both_ways_and_trailers_come_last() {
    let service = Service::plain(Speaks::Http2).await;
    let gateway = before(Setup::new(""), &service, "protocol = \"http/2\"\n").await;
    let (head, trailers) = talk(&gateway).await;
    assert_eq!(head.headers()["x-seen-te"], "trailers");
    assert_eq!(head.headers()["x-seen-content-type"], "application/grpc");
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers["x-pieces"], "2");
}

#[tokio::test]
async fn an_observer_reads_trailers_where_both_sides_speak_http2() {
    let service = Service::plain(Speaks::Http2).await;
    let sections = service.upstream("protocol = \"http/2\"\n")
        + &plugin("observer", &guests::guest("observer"), "[plugin.limits]\ninstances = 1")
        + &policy("watch", "observer", "")
        + &route("all", "service", "policies = [\"watch\"]");
    let gateway = Setup::new(sections).start().await;
    talk(&gateway).await;
    gateway.get("/plain").await;
    for (path, end) in [("/echo.Echo/Both", " timed grpc-status=0 x-pieces=2"), ("/plain", " timed")] {
        let line = async || {
            let all = gateway.get("/heard").await.text();
            all.lines().find(|line| line.split(' ').next() == Some(path)).map(str::to_owned)
        };
        let heard = eventually(&format!("an observation of {path}"), line).await;
        assert!(heard.ends_with(end), "{heard}");
    }
}

#[tokio::test]
async fn messages_go_over_tls_where_alpn_agrees_on_http2() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http2, &trusted(&setup), setup.directory(), "service").await;
    let gateway = before(setup, &service, &format!("protocol = \"http/2\"\n{}", tls(""))).await;
    assert_eq!(talk(&gateway).await.1["grpc-status"], "0");
}

#[tokio::test]
async fn many_calls_share_one_connection_to_their_endpoint() {
    let service = Service::plain(Speaks::Http2).await;
    let gateway = before(Setup::new(""), &service, "protocol = \"http/2\"\n").await;
    let mut send = connect(&gateway).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        send = send.ready().await.expect("a free stream");
        let (answer, mut up) = send.send_request(call(), false).expect("a stream");
        up.send_data(Bytes::from_static(b"hello"), false).expect("an open stream");
        let mut down = within("an answer", answer).await.expect("an answer").into_body();
        next(&mut down).await;
        assert_eq!(next(&mut down).await, "hello");
        open.push((up, down));
    }
    for (mut up, mut down) in open {
        up.send_data(Bytes::new(), true).expect("an open stream");
        assert_eq!(trailers(&mut down).await["grpc-status"], "0");
    }
    assert_eq!(service.connections(), 1);
}
