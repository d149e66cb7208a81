//! Answers made here instead of by the upstream.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use pingora_core::protocols::http::ServerSession;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, Session};

use crate::cause::Cause;
use crate::gate;
use crate::policy::decision::LocalResponse;
use crate::policy::facts::TlsFacts;
use crate::request_context::{Replacement, RequestContext};

/// Address of the other end of the connection.
pub(super) fn peer_address(session: &Session) -> Option<IpAddr> {
    session.client_addr()?.as_inet().map(std::net::SocketAddr::ip)
}

/// What TLS established; `None` where the request came in the clear.
pub(super) fn tls(session: &Session) -> Option<Arc<TlsFacts>> {
    gate::tls_facts(session.digest()).cloned()
}

/// Refuses a request with a problem document; the policies it passed see it.
pub(super) async fn refuse(session: &mut Session, ctx: &mut RequestContext, cause: Cause) -> Result<()> {
    ctx.cause = Some(cause);
    local(session, ctx, ctx.refusal(cause)).await
}

/// Sends an answer that a policy or the gateway made, once the policies the request passed have seen it.
pub(super) async fn local(session: &mut Session, ctx: &mut RequestContext, made: LocalResponse) -> Result<()> {
    let answer = ctx.show_answer(session.req_header().as_ref(), made).await;
    send(session, ctx, answer).await
}

/// Leaves a policy's answer for [`replace`], and ends the exchange with the upstream.
pub(super) fn instead<T>(ctx: &mut RequestContext, answer: LocalResponse) -> Result<T> {
    let status = answer.status.as_u16();
    ctx.replacement = Some(Replacement::Seen(answer));
    Error::e_explain(ErrorType::HTTPStatus(status), "replaced by a policy")
}

/// Sends what was left to take the place of the upstream's answer.
pub(super) async fn replace(session: &mut Session, ctx: &mut RequestContext, replacement: Replacement) -> FailToProxy {
    // The client can be gone by now; then there is nobody to tell.
    let _ = match replacement {
        Replacement::Seen(answer) => send(session, ctx, answer).await,
        Replacement::Unseen(answer) => local(session, ctx, answer).await,
    };
    let error_code = written(session).map_or(0, |head| head.status.as_u16());
    FailToProxy { error_code, can_reuse_downstream: false }
}

/// Answers a request that failed on its way, where there is still something to answer.
pub(super) async fn give_up(
    session: &mut Session,
    ctx: &mut RequestContext,
    cause: Cause,
    error: &Error,
) -> FailToProxy {
    tracing::debug!(request_id = ctx.facts.request_id.as_str(), cause = cause.label(), %error, "request failed");
    if cause == Cause::ClientGone || has_begun(session) {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let answered = match cause {
        // What could not decide is not asked once more.
        Cause::PolicyFailed | Cause::Quarantined => send(session, ctx, ctx.refusal(cause)).await,
        _ => refuse(session, ctx, cause).await,
    };
    if let Err(error) = answered {
        tracing::debug!(request_id = ctx.facts.request_id.as_str(), %error, "the client did not take its answer");
    }
    FailToProxy { error_code: cause.status().as_u16(), can_reuse_downstream: false }
}

/// Whether the client was sent the head of its answer.
pub(super) fn has_begun(session: &Session) -> bool {
    written(session).is_some()
}

/// The final head the client was sent. A tunnel counts as answered: what is written into it now is no HTTP.
pub(super) fn written(session: &Session) -> Option<&ResponseHeader> {
    let head = session.response_written()?;
    (!head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS).then_some(head)
}

async fn send(session: &mut Session, ctx: &RequestContext, answer: LocalResponse) -> Result<()> {
    let (head, body) = ctx
        .compose(&session.req_header().method, answer)
        .or_else(|contradiction| Error::e_because(ErrorType::InternalError, "seal", contradiction))?;
    let head = Box::new(ResponseHeader::from(head));
    if body.is_empty()
        && let ServerSession::H2(stream) = session.as_downstream_mut()
    {
        // Pingora would send an empty piece behind it, which to a client of gRPC is another answer.
        return stream.write_response_header(head, true);
    }
    let is_empty = body.is_empty();
    session.write_response_header(head, is_empty).await?;
    session.write_response_body((!is_empty).then_some(body), true).await
}
