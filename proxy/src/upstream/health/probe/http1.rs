//! A check over HTTP/1.1.

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{Failed, Finding, READ_LIMIT, judged, with_fields};
use crate::config::model::{EndpointAddress, HttpCheck};
use crate::upstream::stream::Stream;

/// Asks by `GET`.
pub(super) async fn get(stream: Stream, address: &EndpointAddress, check: &HttpCheck) -> Result<Finding, Failed> {
    let request = request(address, check).map_err(Failed::Request)?;
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(READ_LIMIT).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(Failed::Http1)?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        let body = read(&mut response, check.body.is_some()).await?;
        Ok(judged(check, response.status().as_u16(), &body))
    };
    // Both in this task: dropping the check drops its connection. The connection may end first, when all is read.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        done = &mut exchange => return done.map_err(Failed::Http1),
        _ = connection => {}
    }
    exchange.await.map_err(Failed::Http1)
}

fn request(address: &EndpointAddress, check: &HttpCheck) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut request = Request::get(&check.path).header(CONNECTION, "close");
    request = match &check.host {
        Some(host) => request.header(HOST, host),
        None => request.header(HOST, address.host()),
    };
    with_fields(request, check).body(Empty::new())
}

/// Reads the body to its end or to the limit, so that the endpoint need not log a broken connection at each check. What was
/// read is returned where it is wanted.
async fn read(response: &mut Response<Incoming>, wanted: bool) -> Result<Vec<u8>, hyper::Error> {
    let (mut kept, mut left) = (Vec::new(), READ_LIMIT);
    while let Some(frame) = response.frame().await {
        let frame = frame?;
        let Some(data) = frame.data_ref() else { continue };
        if wanted {
            kept.extend(data.iter().take(left));
        }
        match left.checked_sub(data.len()) {
            Some(less) if less > 0 => left = less,
            _ => break,
        }
    }
    Ok(kept)
}
