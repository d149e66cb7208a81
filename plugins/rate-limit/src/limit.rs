//! One limit, ready to be asked.

use tidegate_plugin_sdk::counters::{Admission, Quota};
use tidegate_plugin_sdk::subject::CounterKey;

use crate::config::{self, Algorithm};

/// What a request is held to.
#[derive(Debug)]
pub(crate) struct Limit {
    quota: Quota,
    taking: Taking,
}

/// How units are taken.
#[derive(Clone, Copy, Debug)]
enum Taking {
    Gcra { burst: u32 },
    Window,
    Sliding,
}

impl Limit {
    pub(crate) fn new(limit: &config::Limit) -> Self {
        let taking = match limit.algorithm {
            Algorithm::Gcra => Taking::Gcra { burst: limit.capacity() },
            Algorithm::Window => Taking::Window,
            Algorithm::Sliding => Taking::Sliding,
        };
        Self { quota: Quota { limit: limit.limit, window_ms: limit.window.milliseconds() }, taking }
    }

    /// Takes from the only count there is of a subject.
    pub(crate) fn take_alone(&self, key: &CounterKey, cost: u32) -> Admission {
        self.take(key.as_bytes(), cost)
    }

    /// Takes from the count of this window: a limit that comes or goes leaves the others as they are.
    pub(crate) fn take_among_others(&self, key: &mut CounterKey, cost: u32) -> Admission {
        self.take(key.of_counter(self.quota.window_ms.to_be_bytes()), cost)
    }

    fn take(&self, key: &[u8], cost: u32) -> Admission {
        match self.taking {
            Taking::Gcra { burst } => self.quota.take_gcra(key, burst, cost),
            Taking::Window => self.quota.take_window(key, cost),
            Taking::Sliding => self.quota.take_sliding(key, cost),
        }
    }
}
