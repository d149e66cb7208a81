//! HTTP/2, served by Pingora's proxy. Its phases, translated: each hook tells the [`RequestContext`] what happened and does what it says.

mod answer;
mod body;
mod deadlines;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::cause::Cause;
use crate::error;
use crate::gate;
use crate::observe::metrics::TryFailure;
use crate::request_context::{Arrival, Ended, FailedTry, RequestContext, Verdict};
use crate::running::Running;
use crate::wire::{parts, response};

/// The application behind the Gate.
#[derive(Debug)]
pub struct Gateway {
    running: Arc<Running>,
}

impl Gateway {
    /// Serves whatever snapshot is running when a request begins.
    #[must_use]
    pub fn new(running: Arc<Running>) -> Self {
        Self { running }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestContext;

    fn new_ctx(&self) -> RequestContext {
        RequestContext::new(self.running.snapshot())
    }

    /// None: what a module would do is done by policies, and an unused one costs every request.
    fn init_downstream_modules(&self, _modules: &mut pingora_core::modules::http::HttpModules) {}

    async fn request_filter(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<bool> {
        let Some(peer) = answer::peer_address(session) else {
            return Error::e_explain(ErrorType::InternalError, "a connection without an address");
        };
        let arrival = Arrival { peer, tls: answer::tls(session), has_body: !session.as_mut().is_body_empty() };
        let mut head = parts::open_request(session.req_header_mut());
        let verdict = while_it_stays(session, pin!(ctx.decide(&mut head, arrival))).await;
        parts::close_request(session.req_header_mut(), head);
        match verdict {
            Some(Verdict::Forward) => Ok(false),
            Some(Verdict::Respond(local)) => answer::local(session, ctx, local).await.map(|()| true),
            Some(Verdict::Refuse(cause)) => answer::refuse(session, ctx, cause).await.map(|()| true),
            None => Err(Error::new_down(ErrorType::ConnectionClosed)),
        }
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<Box<HttpPeer>> {
        let chosen = match ctx.chosen.take() {
            Some(first) => Ok(first),
            None => ctx.next_member(session.req_header().as_ref()),
        };
        let peer = chosen.and_then(|index| {
            let peers = ctx.route.as_ref().map(|route| route.upstream.peers()).ok_or(Cause::Internal)?;
            peers.get(index).ok_or(Cause::Internal)
        });
        match peer {
            Ok(mut peer) => {
                deadlines::set(&mut peer, ctx);
                Ok(peer)
            }
            Err(cause) => body::refuse(ctx, cause),
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        gate::count_body(session.body_bytes_read(), end_of_stream)?;
        if ctx.attends_to_request() {
            body::of_request(session, ctx, body, end_of_stream)?;
        }
        if end_of_stream {
            ctx.body_sent();
        }
        // Pingora 0.9.1 writes the last chunk twice for an empty final piece, and the second poisons the connection
        // (cloudflare/pingora#935). This must stay the last thing that happens to a body.
        if end_of_stream && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        head: &mut RequestHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        // For another try Pingora shows the body from its beginning, as it came.
        let client_version = session.req_header().version;
        match parts::of_request(head, |head| ctx.seal(head, client_version)) {
            Ok(()) => Ok(()),
            Err(cause) => body::refuse(ctx, cause),
        }
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        head: &mut ResponseHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        if !head.status.is_informational() || head.status == http::StatusCode::SWITCHING_PROTOCOLS {
            ctx.answered(head.status.as_u16());
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        if head.status.is_informational() && head.status != http::StatusCode::SWITCHING_PROTOCOLS {
            return Ok(());
        }
        let request = session.req_header().as_ref();
        let mut opened = parts::open_response(head);
        let verdict = match ctx.run_response_policies(request, &mut opened.parts).await {
            Ok(None) => match response::seal(&mut opened.parts, &ctx.facts.request_id) {
                Ok(()) => ctx.attend_response(request, &mut opened.parts).map(|()| Ok(None)),
                Err(contradiction) => Ok(Err(contradiction)),
            },
            Ok(Some(local)) => Ok(Ok(Some(local))),
            Err(cause) => Err(cause),
        };
        parts::close_response(head, opened);
        match verdict {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(local))) => answer::instead(ctx, local),
            Ok(Err(contradiction)) => {
                let broken = Error::because(ErrorType::InvalidHTTPHeader, "seal", contradiction);
                Err(broken.into_up())
            }
            Err(cause) => body::refuse(ctx, cause),
        }
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut RequestContext,
    ) -> Result<Option<Duration>> {
        deadlines::check(ctx)?;
        if ctx.attends_to_response() {
            body::of_response(session, ctx, body, end_of_stream)?;
        }
        Ok(None)
    }

    async fn response_trailer_filter(
        &self,
        session: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut RequestContext,
    ) -> Result<Option<Bytes>> {
        match ctx.trailers(session.req_header().as_ref(), trailers) {
            Ok(rest) => Ok(Some(rest).filter(|rest| !rest.is_empty())),
            Err(interruption) => body::interrupt(ctx, interruption),
        }
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut RequestContext,
        mut e: Box<Error>,
    ) -> Box<Error> {
        if ctx.is_overdue() {
            ctx.cause = Some(Cause::Deadline);
            e.set_retry(false);
            return e;
        }
        let failure = error::try_failure(&e).unwrap_or(TryFailure::Connect);
        if failure == TryFailure::Tls {
            ctx.no_session(&e.to_string());
        }
        let again = ctx.failed(FailedTry {
            failure,
            nothing_sent: true,
            idempotent: session.req_header().method.is_idempotent(),
            replayable: true,
            reused_connection: false,
        });
        e.set_retry(again);
        e
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut e: Box<Error>,
        ctx: &mut RequestContext,
        client_reused: bool,
    ) -> Box<Error> {
        // `Error::retry` panics while undecided, so it is decided on every way out of here.
        let failure = error::try_failure(&e);
        if failure == Some(TryFailure::Timeout) && ctx.is_overdue() {
            ctx.cause = Some(Cause::Deadline);
            e.set_retry(false);
            return e;
        }
        if failure == Some(TryFailure::Timeout) && !session.as_mut().is_body_done() {
            // The endpoint waits for a body that the client does not send.
            ctx.cause = Some(Cause::BodyStalled);
            e.set_retry(false);
            return e;
        }
        let again = failure.is_some_and(|failure| {
            ctx.failed(FailedTry {
                failure,
                nothing_sent: false,
                idempotent: session.req_header().method.is_idempotent(),
                replayable: !session.as_ref().retry_buffer_truncated(),
                reused_connection: client_reused && failure == TryFailure::Reset,
            })
        });
        e.set_retry(again && session.response_written().is_none());
        e
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut RequestContext) -> FailToProxy {
        if let Some(replacement) = ctx.replacement.take().filter(|_| !answer::has_begun(session)) {
            return answer::replace(session, ctx, replacement).await;
        }
        let cause = *ctx.cause.get_or_insert_with(|| error::cause(e));
        answer::give_up(session, ctx, cause, e).await
    }

    async fn logging(&self, session: &mut Session, e: Option<&Error>, ctx: &mut RequestContext) {
        if let Some(e) = e
            && ctx.cause.is_none()
        {
            ctx.cause = Some(error::cause(e));
        }
        ctx.finish(&Ended {
            request: session.req_header().as_ref(),
            response: answer::written(session).map(AsRef::as_ref),
            bytes_in: session.body_bytes_read() as u64,
            bytes_out: session.body_bytes_sent() as u64,
        });
    }

    /// The access line and the metrics tell; Pingora's own lines would say it twice.
    fn suppress_error_log(&self, _session: &Session, _ctx: &RequestContext, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &RequestContext,
        _error: &Error,
        _context: pingora_proxy::ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// Does something for as long as the client wants its stream; `None` where it resets that or leaves before.
async fn while_it_stays<T>(session: &mut Session, mut doing: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|cx| match doing.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => match session.as_downstream_mut().watch_h2_stream_close() {
            Some(mut closed) => Pin::new(&mut closed).poll(cx).map(|_| None),
            None => Poll::Pending,
        },
    })
    .await
}
