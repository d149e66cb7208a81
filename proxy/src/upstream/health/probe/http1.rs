//! A check over HTTP/1.1.

use std::future::poll_fn;
use std::io;

use bytes::{BufMut, BytesMut};
use http::header::HOST;
use http::{Method, Request, StatusCode};
use tokio::io::AsyncWriteExt;

use super::{Failed, Finding, READ_LIMIT, judged, with_fields};
use crate::config::model::{EndpointAddress, HttpCheck};
use crate::http1::encode;
use crate::http1::octets::{HEAD_ROOM, Octets, Remaining};
use crate::http1::response::ResponseHead;
use crate::observe::metrics::TryFailure;
use crate::upstream::stream::Stream;

/// Heads that only say that the answer is on its way; nobody has more to say.
const INTERIM: u32 = 16;
/// Ends the head of a request whose connection is to serve on.
const END: &[u8] = b"\r\n";
/// Ends the head of one whose connection is not.
const LAST: &[u8] = b"connection: close\r\n\r\n";

/// What is asked at each check, as octets up to the end of the head.
#[derive(Debug)]
pub(super) struct Question(Box<[u8]>);

impl Question {
    pub(super) fn new(address: &EndpointAddress, check: &HttpCheck) -> Result<Self, http::Error> {
        let request = Request::get(&check.path);
        let request = match &check.host {
            Some(host) => request.header(HOST, host),
            None => request.header(HOST, address.host()),
        };
        let (head, ()) = with_fields(request, check).body(())?.into_parts();
        let mut octets = BytesMut::new();
        encode::request(&mut octets, &head);
        Ok(Self(octets.strip_suffix(END).unwrap_or(&octets).into()))
    }

    /// Asks, and gives its buffer away for the answer.
    async fn send(&self, stream: &mut Stream, keep: bool) -> io::Result<BytesMut> {
        let mut octets = BytesMut::with_capacity(HEAD_ROOM);
        octets.put_slice(&self.0);
        octets.put_slice(if keep { END } else { LAST });
        stream.write_all(&octets).await?;
        stream.flush().await?;
        octets.clear();
        Ok(octets)
    }
}

/// Asks by `GET`. The connection is returned where it is to be kept and may be.
pub(super) async fn get(
    mut stream: Stream,
    question: &Question,
    check: &HttpCheck,
    keep: bool,
) -> Result<(Finding, Option<Stream>), Failed> {
    let room = question.send(&mut stream, keep).await.map_err(|_| Failed::Http1(TryFailure::Reset))?;
    let mut octets = Octets::with_room(stream, room);
    let head = head(&mut octets).await?;
    let (body, is_whole) = read(&mut octets, &head, check.body.is_some()).await?;
    let finding = judged(check, head.parts.status.as_u16(), &body);
    let may_serve_on = keep && is_whole && head.keeps_connection && octets.is_read();
    Ok((finding, may_serve_on.then(|| octets.into_io())))
}

/// The head of the answer itself, behind those that only say that it is on its way.
async fn head(octets: &mut Octets) -> Result<ResponseHead, Failed> {
    for _ in 0..=INTERIM {
        let head = poll_fn(|cx| octets.poll_head(cx, &Method::GET)).await.map_err(Failed::Http1)?;
        if !head.parts.status.is_informational() || head.parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(head);
        }
    }
    Err(Failed::Http1(TryFailure::Garbage))
}

/// Reads the body to its end or to the limit, so that the endpoint need not log a broken connection at each check. What was
/// read is returned where it is wanted, and whether it was all.
async fn read(octets: &mut Octets, head: &ResponseHead, wanted: bool) -> Result<(Vec<u8>, bool), Failed> {
    let mut remaining = Remaining::from(head.framing);
    let (mut kept, mut left) = (Vec::new(), READ_LIMIT);
    while let Some(piece) = poll_fn(|cx| octets.poll_piece(cx, &mut remaining)).await.map_err(Failed::Http1)? {
        if wanted {
            kept.extend(piece.iter().take(left));
        }
        match left.checked_sub(piece.len()) {
            Some(less) if less > 0 => left = less,
            _ => return Ok((kept, false)),
        }
    }
    Ok((kept, head.parts.status != StatusCode::SWITCHING_PROTOCOLS))
}
