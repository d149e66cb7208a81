//! Checks over HTTP/2, and those that gRPC has a protocol for.

use std::convert::Infallible;

use bytes::BufMut;
use http::{HeaderMap, Version};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http2;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;
use crate::config::model::GrpcCheck;

/// An origin that answers every request over HTTP/2 with these octets and trailers, and passes on what it saw.
struct Service {
    address: EndpointAddress,
    connections: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<(Request<()>, Bytes)>,
}

async fn service(status: u16, body: Vec<u8>, trailers: &[(&'static str, &'static str)]) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    let (seen, requests) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&connections);
    let fields = trailers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let (body, trailers): (Bytes, HeaderMap) = (body.into(), fields.collect());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let (seen, body, trailers) = (seen.clone(), body.clone(), trailers.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let (seen, body, trailers) = (seen.clone(), body.clone(), trailers.clone());
                async move {
                    let (head, sent) = request.into_parts();
                    let sent = sent.collect().await.unwrap().to_bytes();
                    let _ = seen.send((Request::from_parts(head, ()), sent));
                    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
                    Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
                }
            });
            tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer));
        }
    });
    Service { address, connections, requests }
}

fn transport() -> Transport {
    Transport { protocol: UpstreamProtocol::Http2, tls: None }
}

async fn find(address: &EndpointAddress, check: &HealthCheck) -> Finding {
    Prober::new(&transport(), address, check, &Room::for_connections(0)).ask(true).await
}

fn grpc(service: &str) -> HealthCheck {
    let asked = GrpcCheck { service: service.into(), host: Some("shop.internal".into()) };
    HealthCheck { kind: CheckKind::Grpc(asked), ..check() }
}

/// A message behind its flag and length.
fn message(octets: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.put_u32(octets.len().try_into().unwrap());
    framed.put_slice(octets);
    framed
}

#[tokio::test]
async fn a_service_of_http2_is_asked_over_http2() {
    let mut origin = service(200, b"state".into(), &[]).await;
    assert_eq!(find(&origin.address, &check()).await, Finding::Good(200));
    let (request, _) = origin.requests.recv().await.unwrap();
    assert_eq!((request.method().as_str(), request.version()), ("GET", Version::HTTP_2));
    assert_eq!(request.uri().to_string(), format!("http://{}/ready?deep", origin.address));
    assert_eq!(request.headers()["user-agent"], "tidegate-health");
    assert!(!request.headers().contains_key("connection"));

    let expecting = |body: &str| asking(HttpCheck { body: Some(body.into()), ..http() });
    assert_eq!(find(&origin.address, &expecting("tat")).await, Finding::Good(200));
    assert_eq!(find(&origin.address, &expecting("ready")).await, Finding::OtherBody(200));
    let down = service(503, Vec::new(), &[]).await;
    assert_eq!(find(&down.address, &check()).await, Finding::Bad(503));
}

#[tokio::test]
async fn a_body_over_http2_is_read_to_the_limit() {
    let origin = service(200, [vec![b'x'; 64 * 1024], b"ready".into()].concat(), &[]).await;
    let expecting = |body: &str| asking(HttpCheck { body: Some(body.into()), ..http() });
    assert_eq!(find(&origin.address, &expecting("x")).await, Finding::Good(200));
    assert_eq!(find(&origin.address, &expecting("ready")).await, Finding::OtherBody(200));
}

#[tokio::test]
async fn who_speaks_another_version_is_told_from_who_hangs_up() {
    let old = raw_origin(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
    let found = find(&old, &check()).await;
    assert!(matches!(&found, Finding::Garbage(why) if why.starts_with("not HTTP/2: ")), "{found:?}");
    assert!(matches!(find(&raw_origin(b"").await, &check()).await, Finding::Unreachable(_)));
}

#[tokio::test]
async fn a_service_of_grpc_is_asked_for_its_word() {
    let words = [
        (&[0x08, 1][..], Finding::Serving),
        (&[0x08, 2], Finding::NotServing("NOT_SERVING")),
        (&[0x08, 3], Finding::NotServing("SERVICE_UNKNOWN")),
        (&[0x08, 9], Finding::NotServing("UNKNOWN")),
        (&[], Finding::NotServing("UNKNOWN")),
    ];
    for (octets, finding) in words {
        let mut origin = service(200, message(octets), &[("grpc-status", "0")]).await;
        assert_eq!(find(&origin.address, &grpc("shop.Inventory")).await, finding);
        let (request, sent) = origin.requests.recv().await.unwrap();
        assert_eq!(request.uri().to_string(), "http://shop.internal/grpc.health.v1.Health/Check");
        assert_eq!(sent, message(b"\x0a\x0eshop.Inventory"));
        let fields = ["te", "content-type", "grpc-timeout"].map(|name| request.headers()[name].to_str().unwrap());
        assert_eq!(fields, ["trailers", "application/grpc", "30000m"]);
    }
}

#[tokio::test]
async fn what_is_no_answer_of_grpc_speaks_against_the_endpoint() {
    let found = async |status, body: &[u8], trailers: &[(&'static str, &'static str)]| {
        let origin = service(status, body.into(), trailers).await;
        find(&origin.address, &grpc("")).await
    };
    assert_eq!(found(503, b"", &[]).await, Finding::Bad(503));
    let unimplemented = found(200, b"", &[("grpc-status", "12")]).await;
    assert_eq!(unimplemented.to_string(), "gRPC status 12: it has no health service");
    assert_eq!(found(200, b"", &[("grpc-status", "5")]).await, Finding::CallFailed(5));
    assert!(matches!(found(200, b"<html>", &[]).await, Finding::Garbage(_)));
    for cut in [&b""[..], &[0, 0, 0, 0, 9, 8, 1], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 1, 8]] {
        assert!(matches!(found(200, cut, &[("grpc-status", "0")]).await, Finding::Garbage(_)), "{cut:?}");
    }
}

#[tokio::test]
async fn a_call_that_ends_with_its_head_is_understood() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(|_: Request<Incoming>| async {
            Response::builder().header("grpc-status", "14").body(Full::new(Bytes::new()))
        });
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await
    });
    assert_eq!(find(&address, &grpc("")).await, Finding::CallFailed(14));
}

#[tokio::test]
async fn a_check_over_http2_ends_with_a_goodbye() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer =
            service_fn(|_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await
    });
    assert_eq!(find(&address, &check()).await, Finding::Good(200));
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_serves_thirty_checks() {
    for check in [check(), grpc("")] {
        let origin = service(200, message(&[0x08, 1]), &[("grpc-status", "0")]).await;
        let (transport, room) = (transport(), Room::for_connections(1));
        let mut prober = Prober::new(&transport, &origin.address, &check, &room);
        for _ in 0..31 {
            assert!(prober.ask(true).await.is_good());
        }
        assert_eq!(origin.connections.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_session_that_ends_between_two_checks_costs_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_once(stream));
        }
    });
    let (transport, check, room) = (transport(), check(), Room::for_connections(1));
    let mut prober = Prober::new(&transport, &address, &check, &room);
    for _ in 0..5 {
        assert_eq!(prober.ask(true).await, Finding::Good(200));
    }
}

#[tokio::test]
async fn a_session_is_not_kept_where_its_answer_was_not_read_to_the_end() {
    let origin = service(200, vec![b'x'; 1 << 20], &[]).await;
    let (transport, check, room) = (transport(), check(), Room::for_connections(1));
    let mut prober = Prober::new(&transport, &origin.address, &check, &room);
    for _ in 0..3 {
        assert_eq!(prober.ask(true).await, Finding::Good(200));
    }
    assert_eq!(origin.connections.load(Ordering::SeqCst), 3);
}

/// Says goodbye with its first answer.
async fn serve_once(stream: TcpStream) {
    let asked = Notify::new();
    let answer = service_fn(|_: Request<Incoming>| {
        asked.notify_one();
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let serving = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = &mut serving => {}
        () = asked.notified() => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}
