//! Gets a JWK set over HTTP/1.1, each time on a connection of its own.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use http::uri::Scheme;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::jwk::JwkSetError;
use super::tls::{Client, ClientError};
use crate::config::model::RemoteKeyset;

/// Bytes of an answer's head.
const LARGEST_HEAD: usize = 64 << 10;
/// Of an address that somebody else wrote and an operator reads.
const SHOWN_CHARS: usize = 200;

/// Where key sets come from; a test has its own.
#[async_trait]
pub(super) trait Fetch: Send + Sync {
    /// The bytes of the set as they are now.
    async fn fetch(&self) -> Result<Bytes, FetchError>;
}

/// Why no key set was fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no connection to {host}: {source}")]
    Connect { host: String, source: std::io::Error },
    #[error("no secure connection to {host}: {source}; hint: `ca` names who may vouch for it")]
    Tls { host: String, source: std::io::Error },
    #[error("no HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("it cannot be asked for: {0}")]
    Request(#[from] http::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer is {status}, and redirects are not followed; hint: `url` may be meant to be {location:?}")]
    Redirect { status: StatusCode, location: String },
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it took longer than {}", humantime::format_duration(*.0))]
    Late(std::time::Duration),
    #[error(transparent)]
    Set(#[from] JwkSetError),
}

/// Fetches from one address.
pub(super) struct HttpFetch {
    url: Uri,
    host: String,
    port: u16,
    tls: Option<Client>,
    max_bytes: usize,
}

impl HttpFetch {
    /// For this address; `ca` is the content of the file of that name.
    pub(super) fn new(spec: &RemoteKeyset, ca: Option<&[u8]>) -> Result<Self, ClientError> {
        let host = spec.url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_secure = spec.url.scheme() != Some(&Scheme::HTTP);
        let port = spec.url.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let tls = is_secure.then(|| Client::new(&host, ca)).transpose()?;
        Ok(Self { url: spec.url.clone(), host, port, tls, max_bytes: spec.max_bytes })
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, http::Error> {
        Request::get(self.url.path_and_query().map_or("/", |target| target.as_str()))
            .header(HOST, self.url.authority().map_or("", |authority| authority.as_str()))
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(USER_AGENT, "tidegate-keysets")
            .header(CONNECTION, "close")
            .body(Empty::new())
    }

    async fn exchange(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) -> Result<Bytes, FetchError> {
        let request = self.request()?;
        let mut builder = http1::Builder::new();
        let (mut sender, connection) = builder.max_buf_size(LARGEST_HEAD).handshake(TokioIo::new(stream)).await?;
        let exchange = async move {
            let response = sender.send_request(request).await?;
            whole(accepted(response)?, self.max_bytes).await
        };
        // Both in this task: dropping the fetch drops its connection. The connection may end first, when all is read.
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            done = &mut exchange => return done,
            _ = connection => {}
        }
        exchange.await
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let host = || self.host.clone();
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|source| FetchError::Connect { host: host(), source })?;
        match &self.tls {
            None => self.exchange(stream).await,
            Some(tls) => {
                let secured = tls.connect(stream).await;
                self.exchange(secured.map_err(|source| FetchError::Tls { host: host(), source })?).await
            }
        }
    }
}

/// Redirects are not followed: whoever could make one would choose the keys.
fn accepted(response: Response<Incoming>) -> Result<Incoming, FetchError> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response.into_body());
    }
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    Err(match location.filter(|_| status.is_redirection()) {
        Some(location) => FetchError::Redirect { status, location: location.chars().take(SHOWN_CHARS).collect() },
        None => FetchError::Status(status),
    })
}

async fn whole(mut body: Incoming, most: usize) -> Result<Bytes, FetchError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(FetchError::TooLarge(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
