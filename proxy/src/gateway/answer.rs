//! Answers made here instead of by the upstream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, Session};

use crate::cause::Cause;
use crate::gate;
use crate::policy::decision::{EditableHead, LocalResponse};
use crate::policy::facts::TlsFacts;
use crate::request_context::{Replacement, RequestContext};
use crate::wire::{problem, response};

/// How long a body nobody wants is read, so that its connection can serve on.
const DRAIN: Duration = Duration::from_secs(2);

/// Fields that nearly every local answer has.
const FIELDS: usize = 8;

/// Bounds the time in which a body nobody wants is read, whoever answers before it ends.
pub(super) fn limit_drain(session: &mut Session) {
    session.as_downstream_mut().set_total_drain_timeout(Some(DRAIN));
}

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
    local(session, ctx, refusal(ctx, cause)).await
}

/// Sends an answer that a policy or the gateway made, once the policies the request passed have seen it.
pub(super) async fn local(session: &mut Session, ctx: &mut RequestContext, made: LocalResponse) -> Result<()> {
    let answer = match ctx.run_local_response(session.req_header().as_ref(), made).await {
        Ok(answer) => answer,
        Err(cause) => {
            ctx.cause = Some(cause);
            refusal(ctx, cause)
        }
    };
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
    session.as_downstream_mut().set_keepalive(None);
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
    session.as_downstream_mut().set_keepalive(None);
    let answered = match cause {
        // What could not decide is not asked once more.
        Cause::PolicyFailed | Cause::Quarantined => send(session, ctx, refusal(ctx, cause)).await,
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

fn refusal(ctx: &RequestContext, cause: Cause) -> LocalResponse {
    let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE))];
    if cause == Cause::Method {
        headers.push((header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")));
    }
    let body = problem::document(cause.status(), cause.detail(), ctx.facts.request_id.as_str());
    LocalResponse { status: cause.status(), headers, body }
}

/// A problem document where a policy refuses without saying more.
fn with_body(ctx: &RequestContext, answer: LocalResponse) -> LocalResponse {
    if !answer.body.is_empty() || answer.status.as_u16() < 400 {
        return answer;
    }
    let mut headers = answer.headers;
    headers.retain(|(name, _)| *name != header::CONTENT_TYPE);
    headers.push((header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE)));
    let body = problem::document(answer.status, "refused by a policy of this route", ctx.facts.request_id.as_str());
    LocalResponse { headers, body, ..answer }
}

async fn send(session: &mut Session, ctx: &RequestContext, answer: LocalResponse) -> Result<()> {
    let LocalResponse { status, headers, body } = with_body(ctx, answer);
    let mut head = http::Response::new(()).into_parts().0;
    head.status = status;
    head.headers.reserve(headers.len() + FIELDS);
    for (name, value) in headers {
        head.headers.append(name, value);
    }
    ctx.facts.response_edits.iter().for_each(|edit| head.apply(edit));
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_body {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    response::seal(&mut head, &ctx.facts.request_id)
        .or_else(|contradiction| Error::e_because(ErrorType::InternalError, "seal", contradiction))?;
    if let Some(cause) = ctx.cause {
        ctx.snapshot.metrics.local_answer(cause.label(), status.as_u16());
    }
    let send_body = has_body && !body.is_empty() && session.req_header().method != Method::HEAD;
    session.write_response_header(Box::new(ResponseHeader::from(head)), !send_body).await?;
    // Also where there is none: an HTTP/2 stream is not ended by its head, whatever the flag above says.
    session.write_response_body(send_body.then_some(body), true).await
}
