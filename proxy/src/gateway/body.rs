//! Pieces of bodies, between Pingora and the policies that attend to them.

use bytes::Bytes;
use http::StatusCode;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;

use crate::cause::Cause;
use crate::request_context::{Interruption, Replacement, RequestContext};

/// A piece of a request's body.
///
/// What has not gone on yet is an empty piece and not `None`: to Pingora, that is the end.
pub(super) fn of_request(
    session: &mut Session,
    ctx: &mut RequestContext,
    body: &mut Option<Bytes>,
    last: bool,
) -> Result<()> {
    let piece = body.take().unwrap_or_default();
    match ctx.request_piece(session.req_header().as_ref(), piece, last) {
        Ok(piece) => *body = Some(piece),
        Err(interruption) => return interrupt(ctx, interruption),
    }
    Ok(())
}

/// A piece of a response's body.
pub(super) fn of_response(
    session: &mut Session,
    ctx: &mut RequestContext,
    body: &mut Option<Bytes>,
    last: bool,
) -> Result<()> {
    let piece = body.take().unwrap_or_default();
    match ctx.response_piece(session.req_header().as_ref(), piece, last) {
        Ok(piece) => *body = Some(piece).filter(|piece| !piece.is_empty()),
        Err(interruption) => return interrupt(ctx, interruption),
    }
    Ok(())
}

/// Ends the exchange with an error, upon which Pingora keeps neither connection; the answer is left for whoever may
/// still give one.
pub(super) fn interrupt<T>(ctx: &mut RequestContext, interruption: Interruption) -> Result<T> {
    match interruption {
        Interruption::Respond(answer) => {
            let status = answer.status;
            ctx.replacement = Some(Replacement::Unseen(answer));
            end(status, Cause::Policy)
        }
        Interruption::Refuse(cause) => refuse(ctx, cause),
    }
}

/// Leaves a cause for whoever answers, and ends the exchange.
pub(super) fn refuse<T>(ctx: &mut RequestContext, cause: Cause) -> Result<T> {
    ctx.cause = Some(cause);
    end(cause.status(), cause)
}

fn end<T>(status: StatusCode, cause: Cause) -> Result<T> {
    Error::e_explain(ErrorType::HTTPStatus(status.as_u16()), cause.label())
}
