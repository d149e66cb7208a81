//! HTTP/2: Pingora's own connection loop, with every stream vetted first.

mod body;
mod vet;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header;
use pingora_core::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora_core::server::ShutdownWatch;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{HttpProxy, ProxyHttp};

pub use body::count_body;

use super::doorkeeper::{Doorkeeper, Refused, Terms};
use super::refusal::Refusal;

/// The application of one HTTP/2 connection.
///
/// One for each connection, because Pingora borrows the options from it and they may change with a reload.
pub(super) struct H2App<P: ProxyHttp, D> {
    proxy: Arc<HttpProxy<P>>,
    door: Arc<D>,
    terms: Arc<Terms>,
    options: HttpServerOptions,
    client: Option<SocketAddr>,
}

impl<P: ProxyHttp, D> H2App<P, D> {
    pub(super) fn new(proxy: Arc<HttpProxy<P>>, door: Arc<D>, terms: Arc<Terms>, client: Option<SocketAddr>) -> Self {
        let mut options = HttpServerOptions::default();
        // In plain text this is what makes Pingora expect the preface, which the Gate has seen; with TLS it is not looked at.
        options.h2c = true;
        // Without it a client that has sent its preface may stay silent for ever.
        options.h2_idle_timeout = Some(terms.limits.idle_timeout);
        Self { proxy, door, terms, options, client }
    }
}

#[async_trait]
impl<P, D> HttpServerApp for H2App<P, D>
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
    D: Doorkeeper,
{
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        // The terms may have changed since the connection was made.
        let limits = self.door.terms().limits;
        if let Err(refusal) = vet::check(session.req_header(), &limits) {
            self.tell(refusal, &request_line(session.req_header()));
            return answer(session, refusal).await;
        }
        session.set_write_timeout(Some(limits.idle_timeout));
        if session.is_body_empty() {
            return self.proxy.process_new_http(session, shutdown).await;
        }
        let line = request_line(session.req_header());
        let process = self.proxy.process_new_http(session, shutdown);
        match body::watch(process, &limits).await {
            Ok(reused) => reused,
            Err(refusal) => {
                self.tell(refusal, &line);
                None
            }
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        let limits = self.terms.limits;
        let mut options = default_h2_options();
        options.max_concurrent_streams(limits.h2_streams);
        options.max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

impl<P: ProxyHttp, D: Doorkeeper> H2App<P, D> {
    fn tell(&self, refusal: Refusal, request_line: &[u8]) {
        self.door.refused(&Refused { client: self.client, refusal, request_line });
    }
}

fn request_line(head: &RequestHeader) -> Vec<u8> {
    [head.method.as_str().as_bytes(), b" ", head.raw_path(), b" HTTP/2"].concat()
}

/// Only this stream ends; the connection and its other streams go on.
async fn answer(mut session: ServerSession, refusal: Refusal) -> Option<ReusedHttpStream> {
    let problem = Bytes::from(refusal.problem());
    let mut response = ResponseHeader::build_no_case(refusal.status(), Some(2)).ok()?;
    response.insert_header(header::CONTENT_TYPE, "application/problem+json").ok()?;
    response.insert_header(header::CONTENT_LENGTH, problem.len()).ok()?;
    session.write_response_header(Box::new(response)).await.ok()?;
    session.write_response_body(problem, true).await.ok()?;
    None
}
