//! HTTP/1 by our own hand: a request that the Gate has vetted, asked of an endpoint, and its answer.
//!
//! What a request means is told by [`RequestContext`], as it is to Pingora's proxy, which serves HTTP/2; this is the other
//! engine under it. It copies no head, holds a request's future in its connection's, and looks at a clock only where it
//! waits. See ARCHITECTURE.md for why it exists.

mod connection;
mod delivery;
pub(crate) mod encode;
mod exchange;
mod multiplexed;
pub(crate) mod octets;
mod outbox;
mod pool;
mod request;
pub(crate) mod response;
mod serving;
mod upload;

use std::sync::Arc;

use crate::gate::{Afterwards, Arrived, Guard, Http1};
use crate::request_context::RequestContext;
use crate::running::Running;
pub use pool::Pool;
use serving::Serving;

/// Serves the HTTP/1 requests of one worker.
#[derive(Debug)]
pub struct Http1Engine {
    running: Arc<Running>,
    pool: Arc<Pool>,
}

impl Http1Engine {
    /// Serves each request under the snapshot that runs when it begins, over the connections of this pool.
    #[must_use]
    pub fn new(running: Arc<Running>, pool: Arc<Pool>) -> Self {
        Self { running, pool }
    }
}

impl Http1 for Http1Engine {
    async fn serve(&self, client: &mut Guard, arrived: Arrived<'_>) -> Afterwards {
        let context = RequestContext::new(self.running.snapshot());
        match request::parse(&arrived.head) {
            Some(head) => Serving::new(client, context, head, &arrived).run(&self.pool).await,
            // What is no head the Gate lets nobody see.
            None => Afterwards::Close,
        }
    }
}
