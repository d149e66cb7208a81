//! Over a real socket: what of a server's answer is taken.

use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::model::RemoteKeyset;
use crate::keysets::fetch::{Fetch, HttpFetch};

/// A server that answers like this, on a path below its address.
async fn serving(status: u16, fields: &'static [(&'static str, &'static str)], body: &'static str) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            let service = service_fn(move |request: http::Request<Incoming>| {
                let _ = seen.send(request.map(drop));
                let mut response = Response::new(Full::<Bytes>::from(body));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                for (name, value) in fields {
                    response.headers_mut().insert(*name, value.parse().unwrap());
                }
                async { Ok::<_, std::convert::Infallible>(response) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Server { authority, requests }
}

struct Server {
    authority: String,
    requests: mpsc::UnboundedReceiver<http::Request<()>>,
}

impl Server {
    async fn fetch(&self, max_bytes: usize) -> Result<Bytes, String> {
        let fetch = HttpFetch::new(&spec(&format!("http://{}/keys?set=1", self.authority), max_bytes), None).unwrap();
        fetch.fetch().await.map_err(|error| error.to_string())
    }
}

fn spec(url: &str, max_bytes: usize) -> RemoteKeyset {
    RemoteKeyset {
        url: url.parse().unwrap(),
        refresh: Duration::from_secs(300),
        min_interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        max_bytes,
        ca: None,
    }
}

#[tokio::test]
async fn a_set_is_asked_for_by_its_whole_address() {
    let mut server = serving(200, &[], "{}").await;
    assert_eq!(server.fetch(100).await.as_deref(), Ok(&b"{}"[..]));
    let request = server.requests.recv().await.unwrap();
    assert_eq!((request.method(), request.uri().to_string().as_str()), (&http::Method::GET, "/keys?set=1"));
    assert_eq!(request.headers()["host"], server.authority.as_str());
    assert!(!request.headers().contains_key("accept-encoding"), "what is packed could grow without end");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let mut server = serving(302, &[("location", "http://169.254.169.254/latest")], "").await;
    let error = server.fetch(100).await.unwrap_err();
    assert!(error.starts_with("the answer is 302 Found, and redirects are not followed"), "{error}");
    assert!(error.ends_with("\"http://169.254.169.254/latest\""), "{error}");
    assert!(server.requests.recv().await.is_some() && server.requests.try_recv().is_err());
}

#[tokio::test]
async fn only_200_is_an_answer() {
    for status in [204, 206, 304, 404, 500] {
        let error = serving(status, &[], "").await.fetch(100).await.unwrap_err();
        assert!(error.starts_with(&format!("the answer is {status}")), "{error}");
    }
}

#[tokio::test]
async fn a_set_that_is_too_large_is_not_read_to_its_end() {
    let server = serving(200, &[], "0123456789").await;
    assert_eq!(server.fetch(9).await, Err("it is larger than 9 bytes".into()));
    assert!(server.fetch(10).await.is_ok());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_by_name() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    drop(server);
    let fetch = HttpFetch::new(&spec(&format!("http://{address}/"), 100), None).unwrap();
    let error = fetch.fetch().await.unwrap_err().to_string();
    assert!(error.starts_with("no connection to 127.0.0.1: "), "{error}");
}
