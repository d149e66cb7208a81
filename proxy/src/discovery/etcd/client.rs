//! Speaks HTTP/1.1 to one server of etcd at a time.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::messages::{self, Keys};

/// Bytes of all keys and values in base64, and of one line of a watch.
const LARGEST: usize = 64 << 20;

/// Asks servers of etcd.
pub(super) struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    patience: Duration,
}

impl Client {
    /// A server that has not answered for so long is given up.
    pub(super) fn new(patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(patience));
        // A new connection for each exchange: a kept one may have died unnoticed.
        let http = HttpClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { http, patience }
    }

    /// All keys below a prefix, and the watch of what happens to them from then on.
    pub(super) async fn read(&self, server: &Uri, prefix: &str) -> Result<(Keys, Lines), String> {
        let read = async {
            let answer = self.call(server, "/v3/kv/range", messages::range(prefix)).await?;
            let answer = Limited::new(answer, LARGEST).collect().await.map_err(|error| broke(&*error))?;
            let (keys, revision) = messages::ranged(&answer.to_bytes())?;
            let watch = messages::watch(prefix, revision.saturating_add(1));
            let body = self.call(server, "/v3/watch", watch).await?;
            Ok((keys, Lines { body, buffered: BytesMut::new() }))
        };
        timeout(self.patience, read).await.map_err(|_| "does not answer".to_owned())?
    }

    async fn call(&self, server: &Uri, path: &str, body: String) -> Result<Incoming, String> {
        let authority = server.authority().map_or("", |authority| authority.as_str());
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{authority}{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| format!("cannot be asked: {error}"))?;
        let answer = self.http.request(request).await.map_err(|error| broke(&error))?;
        match answer.status().is_success() {
            true => Ok(answer.into_body()),
            false => Err(format!("answers {}", answer.status())),
        }
    }
}

/// The innermost cause says what a human looks for.
fn broke(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    format!("cannot be asked: {innermost}")
}

/// The lines of an answer that goes on.
pub(super) struct Lines {
    body: Incoming,
    buffered: BytesMut,
}

impl Lines {
    /// The next line; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffered) {
                return Ok(Some(self.buffered.split_to(end + 1).freeze()));
            }
            if self.buffered.len() > LARGEST {
                return Err("sends a line without an end".to_owned());
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame.map_err(|error| broke(&error))?.into_data() {
                self.buffered.extend_from_slice(&data);
            }
        }
    }
}
