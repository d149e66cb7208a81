//! A check over HTTP/2.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Connection, SendRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use super::{Failed, Finding, READ_LIMIT, judged, with_fields};
use crate::config::model::{EndpointAddress, HttpCheck};
use crate::upstream::stream::Stream;

/// What an endpoint said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// As far as it was read.
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
    /// Whether all of it was read.
    is_whole: bool,
}

impl Answer {
    /// A field of the trailers; of the head where nothing else came.
    pub(super) fn last(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.trailers.get(name).or_else(|| self.headers.get(name))
    }
}

/// A connection that nobody attends to between two requests: what was said meanwhile is heard with the next one.
#[derive(Debug)]
pub(super) struct Session {
    sender: SendRequest<Bytes>,
    connection: Connection<Stream, Bytes>,
}

impl Session {
    pub(super) async fn over(stream: Stream) -> Result<Self, h2::Error> {
        let mut builder = h2::client::Builder::new();
        builder.enable_push(false).max_header_list_size(u32::try_from(READ_LIMIT).unwrap_or(u32::MAX));
        let (sender, connection) = builder.handshake(stream).await?;
        Ok(Self { sender, connection })
    }

    /// Sends one request, with `message` for its body, and reads the answer. Unless the session is to be kept, it ends.
    pub(super) async fn exchange(
        mut self,
        request: Request<()>,
        message: Option<Bytes>,
        keep: bool,
    ) -> Result<(Answer, Option<Self>), h2::Error> {
        let answer = {
            // Both in this task: dropping the check drops its connection.
            let mut answer = pin!(answer(self.sender.clone(), request, message));
            tokio::select! {
                done = &mut answer => done?,
                // The connection may end first, when all is read.
                _ = &mut self.connection => return Ok((answer.await?, None)),
            }
        };
        if keep && answer.is_whole {
            return Ok((answer, Some(self)));
        }
        self.end().await;
        Ok((answer, None))
    }

    /// Says goodbye, as far as that can be said at once.
    async fn end(self) {
        let Self { sender, mut connection } = self;
        // Nobody holds it any more.
        drop(sender);
        poll_fn(|cx| {
            let _ = Pin::new(&mut connection).poll(cx);
            Poll::Ready(())
        })
        .await;
    }
}

/// Asks by `GET`.
pub(super) async fn get(
    session: Session,
    address: &EndpointAddress,
    check: &HttpCheck,
    is_secure: bool,
    keep: bool,
) -> Result<(Finding, Option<Session>), Failed> {
    let uri = uri(address, check.host.as_deref(), &check.path, is_secure).map_err(Failed::Request)?;
    let request = with_fields(Request::get(uri), check).body(()).map_err(Failed::Request)?;
    let (answer, session) = session.exchange(request, None, keep).await.map_err(Failed::Http2)?;
    Ok((judged(check, answer.status, &answer.body), session))
}

/// HTTP/2 names scheme and host with each request.
pub(super) fn uri(
    address: &EndpointAddress,
    host: Option<&str>,
    path: &str,
    is_secure: bool,
) -> Result<Uri, http::Error> {
    let host = host.map_or_else(|| address.host(), str::to_owned);
    Uri::builder().scheme(if is_secure { "https" } else { "http" }).authority(host).path_and_query(path).build()
}

async fn answer(sender: SendRequest<Bytes>, request: Request<()>, message: Option<Bytes>) -> Result<Answer, h2::Error> {
    let mut sender = sender.ready().await?;
    let (response, mut sent) = sender.send_request(request, message.is_none())?;
    if let Some(message) = message {
        sent.send_data(message, true)?;
    }
    let (head, mut body) = response.await?.into_parts();
    let kept = read(&mut body).await?;
    // Where more was sent than is read, nobody waits for its end.
    let is_whole = kept.len() < READ_LIMIT;
    let trailers = if is_whole { body.trailers().await? } else { None };
    let (status, trailers) = (head.status.as_u16(), trailers.unwrap_or_default());
    Ok(Answer { status, headers: head.headers, body: kept, trailers, is_whole })
}

/// Reads to the end or to the limit.
async fn read(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut kept = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        kept.extend(data.iter().take(READ_LIMIT.saturating_sub(kept.len())));
        if kept.len() >= READ_LIMIT {
            break;
        }
    }
    Ok(kept)
}
