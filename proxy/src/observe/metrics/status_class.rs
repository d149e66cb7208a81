//! Counters by class of status.

use super::series::Counter;

/// Six counters: 1xx to 5xx, and none where there is no such status (the client went away first).
#[derive(Clone, Debug)]
pub(super) struct ByClass {
    none: Counter,
    informational: Counter,
    success: Counter,
    redirect: Counter,
    client_error: Counter,
    server_error: Counter,
}

impl ByClass {
    /// `series` gives the counter of a `class` label.
    pub(super) fn new(series: impl Fn(&str) -> Counter) -> Self {
        Self {
            none: series("none"),
            informational: series("1xx"),
            success: series("2xx"),
            redirect: series("3xx"),
            client_error: series("4xx"),
            server_error: series("5xx"),
        }
    }

    pub(super) fn of(&self, status: u16) -> &Counter {
        match status {
            100..200 => &self.informational,
            200..300 => &self.success,
            300..400 => &self.redirect,
            400..500 => &self.client_error,
            500..600 => &self.server_error,
            _ => &self.none,
        }
    }
}
