//! A check over HTTP/1.1.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::{Failed, Finding, READ_LIMIT, judged, with_fields};
use crate::config::model::{EndpointAddress, HttpCheck};
use crate::upstream::stream::Stream;

/// Asks by `GET`. The connection is returned where it is to be kept and may be.
pub(super) async fn get(
    stream: Stream,
    address: &EndpointAddress,
    check: &HttpCheck,
    keep: bool,
) -> Result<(Finding, Option<Stream>), Failed> {
    let request = request(address, check, keep).map_err(Failed::Request)?;
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(READ_LIMIT).handshake(TokioIo::new(stream));
    let (mut sender, mut connection) = handshake.await.map_err(Failed::Http1)?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        let (body, is_whole) = read(&mut response, check.body.is_some()).await?;
        Ok((judged(check, response.status().as_u16(), &body), is_whole, sender))
    };
    // Both in this task: dropping the check drops its connection.
    let mut exchange = pin!(exchange);
    let done = tokio::select! {
        done = &mut exchange => done,
        // It may end first, when all is read.
        _ = &mut connection => return exchange.await.map(|(finding, ..)| (finding, None)).map_err(Failed::Http1),
    };
    let (finding, is_whole, sender) = done.map_err(Failed::Http1)?;
    let left = if keep && is_whole { unused(sender, connection).await } else { None };
    Ok((finding, left))
}

type Speaking = http1::Connection<TokioIo<Stream>, Empty<Bytes>>;

/// What is left of a connection that would take another request: its octets, without what an exchange needs besides, so
/// that it costs little while it waits.
async fn unused(sender: SendRequest<Empty<Bytes>>, mut connection: Speaking) -> Option<Stream> {
    let has_ended = poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll(cx).is_ready())).await;
    if has_ended || !sender.is_ready() {
        return None;
    }
    let parts = connection.into_parts();
    parts.read_buf.is_empty().then(|| parts.io.into_inner())
}

fn request(address: &EndpointAddress, check: &HttpCheck, keep: bool) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut request = Request::get(&check.path);
    if !keep {
        request = request.header(CONNECTION, "close");
    }
    request = match &check.host {
        Some(host) => request.header(HOST, host),
        None => request.header(HOST, address.host()),
    };
    with_fields(request, check).body(Empty::new())
}

/// Reads the body to its end or to the limit, so that the endpoint need not log a broken connection at each check. What was
/// read is returned where it is wanted, and whether it was all.
async fn read(response: &mut Response<Incoming>, wanted: bool) -> Result<(Vec<u8>, bool), hyper::Error> {
    let (mut kept, mut left) = (Vec::new(), READ_LIMIT);
    while let Some(frame) = response.frame().await {
        let frame = frame?;
        let Some(data) = frame.data_ref() else { continue };
        if wanted {
            kept.extend(data.iter().take(left));
        }
        match left.checked_sub(data.len()) {
            Some(less) if less > 0 => left = less,
            _ => return Ok((kept, false)),
        }
    }
    Ok((kept, true))
}
