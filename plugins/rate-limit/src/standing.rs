//! What tells clients where they stand (draft-ietf-httpapi-ratelimit-headers-10).

use tidegate_plugin_sdk::Field;
use tidegate_plugin_sdk::counters::Admission;

use crate::config::Limit;

/// The constant part of the two fields.
#[derive(Debug)]
pub(crate) struct Advertised {
    /// The value of `ratelimit-policy`, the same for every request.
    policy: Vec<u8>,
    /// How the item of each limit begins in `ratelimit`.
    items: Vec<Vec<u8>>,
}

/// The value of `ratelimit` as it grows, limit by limit.
///
/// It takes exactly the memory it needs: to hand over a buffer with some to spare would cost a copy of it.
#[derive(Debug, Default)]
pub(crate) struct Standing(Vec<u8>);

impl Advertised {
    pub(crate) fn new(limits: &[Limit]) -> Self {
        let policy = limits.iter().map(policy_item).collect::<Vec<_>>().join(", ").into_bytes();
        let separator = |index| if index == 0 { "" } else { ", " };
        let item =
            |(index, limit): (usize, &Limit)| format!("{}\"{}\";r=", separator(index), limit.name()).into_bytes();
        Self { policy, items: limits.iter().enumerate().map(item).collect() }
    }

    /// Adds what is left of a limit, by its index. Limits are added in their order.
    pub(crate) fn add(&self, standing: &mut Standing, index: usize, admission: &Admission) {
        let Some(item) = self.items.get(index) else { return };
        let (mut remaining, mut reset) = (itoa::Buffer::new(), itoa::Buffer::new());
        let parts = [
            item.as_slice(),
            remaining.format(admission.remaining).as_bytes(),
            b";t=",
            reset.format(admission.reset_seconds()).as_bytes(),
        ];
        standing.0.reserve_exact(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            standing.0.extend_from_slice(part);
        }
    }

    /// Both fields.
    pub(crate) fn fields(&self, standing: Standing) -> [Field; 2] {
        [Field::new("ratelimit-policy", self.policy.as_slice()), Field::new("ratelimit", standing.0)]
    }
}

/// The draft counts windows in whole seconds and lets the length be left out.
fn policy_item(limit: &Limit) -> String {
    let (name, quota, window_ms) = (limit.name(), limit.limit, limit.window.milliseconds());
    match (window_ms / 1000, window_ms % 1000) {
        (seconds, 0) => format!("\"{name}\";q={quota};w={seconds}"),
        _ => format!("\"{name}\";q={quota}"),
    }
}
