use std::convert::Infallible;

use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::upstream::tests::{build, spec};

/// An origin that tells back what it was asked, and `count` bytes more.
async fn origin(count: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request: http::Request<Incoming>| async move {
                let host = request.headers().get(HOST).unwrap().to_str().unwrap().to_owned();
                let told = format!("{} {} {host}", request.method(), request.uri());
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let told = [told.as_bytes(), b" ", &body, &vec![b'.'; count]].concat();
                Ok::<_, Infallible>(Response::builder().status(418).body(Full::new(Bytes::from(told))).unwrap())
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    port
}

fn client(ports: &[u16]) -> (UpstreamClient, BTreeMap<String, Arc<Upstream>>) {
    let upstreams = BTreeMap::from([("auth".to_owned(), Arc::new(build(&spec("auth", ports), None)))]);
    let client = UpstreamClient::new(OutboundPool::default());
    client.learn(&upstreams);
    (client, upstreams)
}

fn request(upstream: &str) -> OutboundRequest {
    OutboundRequest {
        upstream: upstream.into(),
        method: http::Method::POST,
        target: "/check?a=1".parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: Bytes::from_static(b"hello"),
        timeout: Duration::from_secs(10),
        body_limit: 100,
    }
}

#[tokio::test]
async fn an_upstream_is_asked_and_its_answer_is_whole() {
    let port = origin(0).await;
    let (client, upstreams) = client(&[port]);
    for _ in 0..2 {
        let answer = client.send(request("auth")).await.unwrap();
        assert_eq!(answer.status, 418);
        assert_eq!(answer.body, format!("POST /check?a=1 127.0.0.1:{port} hello"));
    }
    assert_eq!(upstreams["auth"].members[0].endpoint.in_flight(), 0);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_kept() {
    let (client, _upstreams) = client(&[origin(200).await]);
    assert_eq!(client.send(request("auth")).await.unwrap_err(), OutboundFailure::TooLarge);
}

#[tokio::test]
async fn an_upstream_that_nobody_knows_or_that_is_gone_is_not_asked() {
    let (client, upstreams) = client(&[1]);
    assert_eq!(client.send(request("other")).await.unwrap_err(), OutboundFailure::UnknownUpstream);
    drop(upstreams);
    assert_eq!(client.send(request("auth")).await.unwrap_err(), OutboundFailure::UnknownUpstream);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (client, _upstreams) = client(&[port]);
    assert_eq!(client.send(request("auth")).await.unwrap_err(), OutboundFailure::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_says_nothing_takes_no_longer_than_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, _upstreams) = client(&[listener.local_addr().unwrap().port()]);
    assert_eq!(client.send(request("auth")).await.unwrap_err(), OutboundFailure::Timeout);
}
