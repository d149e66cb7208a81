//! A door that stays shut until the test opens it: how tests order events without sleeping.

use std::sync::Arc;

use tokio::sync::watch;

/// Opens once, for everybody who waits.
#[derive(Clone, Debug)]
pub(crate) struct Latch {
    open: Arc<watch::Sender<bool>>,
}

impl Latch {
    /// A shut latch.
    pub(crate) fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)) }
    }

    /// Lets everybody through, now and later.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Whether it has been opened.
    pub(crate) fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Waits until it is open.
    pub(crate) async fn wait(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}
