//! Connections that are passed on as a whole: an endpoint of an upstream is found, and octets go both ways until both
//! sides have ended.
//!
//! A connection takes what it needs of the snapshot that runs when it begins, its upstream, and not the snapshot itself:
//! it may stay for days, and would keep every plugin of that time in memory.

pub mod carry;
mod connect;
mod session;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::gate::{Opened, Tcp};
use crate::observe::metrics::TcpMetrics;
use crate::running::Running;
use crate::upstream::Upstream;
use session::{End, Session};

/// Passes on the connections of one listener.
#[derive(Debug)]
pub struct Relay {
    running: Arc<Running>,
    listener: Arc<str>,
    metrics: TcpMetrics,
}

impl Relay {
    /// For the listener of this name.
    #[must_use]
    pub fn new(running: Arc<Running>, listener: &str) -> Self {
        let metrics = running.process.metrics.tcp(listener);
        Self { running, listener: listener.into(), metrics }
    }

    fn upstream(&self, server_name: Option<&str>) -> Option<Arc<Upstream>> {
        self.running.glance().server_names.get(&*self.listener)?.find(server_name).cloned()
    }
}

impl Tcp for Relay {
    async fn serve<C>(&self, mut client: C, opened: Opened)
    where
        C: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let upstream = self.upstream(opened.server_name.as_deref());
        let mut session = Session::new(self, opened, upstream);
        let end = match session.connect().await {
            Ok((mut endpoint, silence)) => {
                End::of(carry::carry(&mut client, &mut endpoint, silence, &mut session).await)
            }
            Err(end) => end,
        };
        session.ended(end);
    }
}
