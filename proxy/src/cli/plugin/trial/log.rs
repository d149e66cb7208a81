//! Keeps what a policy logs, instead of writing it to the gateway's log.

use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Where lines of policies go, apart from the gateway's own.
const TARGET: &str = "policy";

/// The lines so far; a clone is the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyLog(Arc<Mutex<Vec<String>>>);

impl PolicyLog {
    /// Runs something on this thread whose lines are kept.
    pub(super) fn collect<R>(&self, run: impl FnOnce() -> R) -> R {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(self.clone()), run)
    }

    /// The lines since it was asked last, each as `info: text`.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl<S: Subscriber> Layer<S> for PolicyLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = Line(format!("{}: ", event.metadata().level().as_str().to_lowercase()));
        event.record(&mut line);
        self.0.lock().push(line.0);
    }
}

/// The text of a line; its other fields say which policy and request it is about.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}
