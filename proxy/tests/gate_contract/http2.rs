//! HTTP/2 by prior knowledge.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::config::model::Limits;
use tidegate::gate::Refusal;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::harness::{Harness, limits};

async fn connect<B>(harness: &Harness) -> SendRequest<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let stream = TcpStream::connect(harness.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request<B>(method: &str, path: &str, body: B) -> Request<B> {
    Request::builder().method(method).uri(format!("http://a.test{path}")).body(body).unwrap()
}

fn whole(octets: &'static str) -> Full<Bytes> {
    Full::new(Bytes::from_static(octets.as_bytes()))
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// A body that is fed by hand.
struct Fed(mpsc::Receiver<Frame<Bytes>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

fn fed() -> (mpsc::Sender<Frame<Bytes>>, Fed) {
    let (sender, receiver) = mpsc::channel(8);
    (sender, Fed(receiver))
}

#[test]
fn prior_knowledge_is_recognised_beside_http1() {
    let harness = Harness::start();
    harness.runtime.block_on(async {
        let mut sender = connect(&harness).await;
        let answer = sender.send_request(request("POST", "/2", whole("hello"))).await.unwrap();
        assert_eq!(text(answer).await, "/2|5");
        let answer = sender.send_request(request("GET", "/3", whole(""))).await.unwrap();
        assert_eq!(text(answer).await, "/3|0");
    });
    harness.expect("http/1 beside it", crate::client::last(), &[200]);
    assert_eq!(harness.origin.requests().len(), 3);
}

#[test]
fn a_stream_is_vetted_like_a_head() {
    let harness = Harness::with(Limits { headers: 5, ..limits() }, None);
    harness.runtime.block_on(async {
        let mut sender = connect(&harness).await;
        let mut bad = request("GET", "/bad", whole(""));
        bad.headers_mut().insert("content_length", 3.into());
        let answer = sender.send_request(bad).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(text(answer).await.contains("imitates"));
        let mut large = request("GET", "/large", whole(""));
        for n in 0..6 {
            large.headers_mut().append("x", n.into());
        }
        assert_eq!(sender.send_request(large).await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        // Its siblings live on.
        assert_eq!(sender.send_request(request("GET", "/good", whole(""))).await.unwrap().status(), StatusCode::OK);
    });
    let refusals = harness.book.refusals.lock();
    assert_eq!(refusals[0], (Refusal::FramingLookAlike, "GET /bad HTTP/2".to_owned()));
    assert_eq!(refusals[1].0, Refusal::TooManyFields);
    assert_eq!(harness.origin.heads(), 1);
}

#[test]
fn a_stream_whose_body_stands_still_is_cancelled() {
    let harness = Harness::with(Limits { body_timeout: Duration::from_millis(100), ..limits() }, None);
    harness.runtime.block_on(async {
        let mut sender = connect(&harness).await;
        let (feed, body) = fed();
        feed.send(Frame::data(Bytes::from_static(b"he"))).await.unwrap();
        assert!(sender.send_request(request("POST", "/stalled", body)).await.is_err());
    });
    // The client may hear of it first.
    while harness.book.refusals.lock().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(*harness.book.refusals.lock(), [(Refusal::BodyTimeout, "POST /stalled HTTP/2".to_owned())]);
    assert!(harness.origin.requests().is_empty());
}

#[test]
fn a_stream_whose_body_grows_over_the_limit_is_answered_413() {
    let harness = Harness::with(Limits { body_bytes: Some(5), ..limits() }, None);
    harness.runtime.block_on(async {
        let mut sender = connect(&harness).await;
        let (feed, body) = fed();
        for _ in 0..3 {
            feed.send(Frame::data(Bytes::from_static(b"abc"))).await.unwrap();
        }
        let answer = sender.send_request(request("POST", "/large", body)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        drop(feed);
    });
    assert_eq!(*harness.book.violations.lock(), [Refusal::BodyTooLarge]);
}

#[test]
fn an_empty_last_frame_does_not_poison_the_connection_to_the_origin() {
    let harness = Harness::start();
    harness.runtime.block_on(async {
        let mut sender = connect(&harness).await;
        for path in ["/1", "/2"] {
            let (feed, body) = fed();
            feed.send(Frame::data(Bytes::from_static(b"hello"))).await.unwrap();
            let answer = sender.send_request(request("POST", path, body));
            drop(feed);
            assert_eq!(text(answer.await.unwrap()).await, format!("{path}|5"));
        }
    });
    assert_eq!(harness.origin.requests().len(), 2);
}

#[test]
fn a_connection_that_falls_silent_is_closed() {
    let harness = Harness::with(Limits { idle_timeout: Duration::from_millis(200), ..limits() }, None);
    let mut client = harness.connect();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut client.stream, &mut answer).unwrap();
    assert_eq!(answer[3], 4, "the first frame is SETTINGS");
}

#[test]
fn half_a_preface_meets_the_deadline_of_a_head() {
    let harness = Harness::with(Limits { head_timeout: Duration::from_millis(200), ..limits() }, None);
    harness.expect("half", b"PRI * HTTP/2.0\r\n\r\nSM", &[408]);
}
