//! Answers made here instead of by the upstream.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, Session};

use crate::cause::Cause;
use crate::gate;
use crate::policy::decision::LocalResponse;
use crate::request_context::RequestContext;
use crate::wire::{problem, response};

/// How long a body nobody wants is read, so that its connection can serve on.
const DRAIN: Duration = Duration::from_secs(2);

/// Fields that nearly every local answer has.
const FIELDS: usize = 8;

/// Address of the other end of the connection.
pub(super) fn peer_address(session: &Session) -> Option<IpAddr> {
    session.client_addr()?.as_inet().map(std::net::SocketAddr::ip)
}

/// Whether the request came over TLS.
pub(super) fn is_tls(session: &Session) -> bool {
    gate::tls_facts(session.digest()).is_some()
}

/// Refuses a request with a problem document.
pub(super) async fn refuse(session: &mut Session, ctx: &mut RequestContext, cause: Cause) -> Result<()> {
    ctx.cause = Some(cause);
    let mut head = ResponseHeader::build(cause.status(), Some(FIELDS))?;
    if cause == Cause::Method {
        head.insert_header(header::ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")?;
    }
    let body = problem_body(&mut head, ctx, cause.detail())?;
    send(session, ctx, head, body).await
}

/// Sends what a policy decided to answer.
pub(super) async fn local(session: &mut Session, ctx: &mut RequestContext, local: LocalResponse) -> Result<()> {
    let mut head = ResponseHeader::build(local.status, Some(local.headers.len() + FIELDS))?;
    for (name, value) in local.headers {
        head.append_header(name, value)?;
    }
    let body = if local.body.is_empty() && local.status.as_u16() >= 400 {
        let detail = local.status.canonical_reason().unwrap_or("refused by a policy");
        problem_body(&mut head, ctx, detail)?
    } else {
        local.body
    };
    send(session, ctx, head, body).await
}

/// Leaves a policy's answer for [`replace`], and ends the exchange with the upstream.
pub(super) fn instead(ctx: &mut RequestContext, local: LocalResponse) -> Result<()> {
    let status = local.status.as_u16();
    ctx.replacement = Some(local);
    Error::e_explain(ErrorType::HTTPStatus(status), "replaced by a policy")
}

/// Sends the answer [`instead`] left.
pub(super) async fn replace(session: &mut Session, ctx: &mut RequestContext, replacement: LocalResponse) -> FailToProxy {
    let error_code = replacement.status.as_u16();
    // The client can be gone by now; then there is nobody to tell.
    let _ = local(session, ctx, replacement).await;
    FailToProxy { error_code, can_reuse_downstream: false }
}

/// Answers a request that failed on its way, where there is still something to answer.
pub(super) async fn give_up(session: &mut Session, ctx: &mut RequestContext, cause: Cause, error: &Error) -> FailToProxy {
    tracing::debug!(request_id = %ctx.facts.request_id, cause = cause.label(), %error, "request failed");
    let already_answered = session.response_written().is_some_and(|head| !head.status.is_informational());
    if cause == Cause::ClientGone || already_answered {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    session.as_downstream_mut().set_keepalive(None);
    let _ = refuse(session, ctx, cause).await;
    FailToProxy { error_code: cause.status().as_u16(), can_reuse_downstream: false }
}

fn problem_body(head: &mut ResponseHeader, ctx: &RequestContext, detail: &str) -> Result<Bytes> {
    head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE))?;
    Ok(problem::document(head.status, detail, &ctx.facts.request_id))
}

async fn send(session: &mut Session, ctx: &mut RequestContext, mut head: ResponseHeader, body: Bytes) -> Result<()> {
    ctx.apply_response_edits(&mut head);
    response::seal(&mut head, &ctx.facts.request_id)?;
    let has_body = !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_body {
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
    }
    session.as_downstream_mut().set_total_drain_timeout(Some(DRAIN));
    let send_body = has_body && !body.is_empty() && session.req_header().method != Method::HEAD;
    session.write_response_header(Box::new(head), !send_body).await?;
    if send_body {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
