//! `[route.timeouts]`

use serde_json::{Value, json};

use super::time;
use crate::config::model::RouteTimeouts;

pub(super) fn timeouts(timeouts: &RouteTimeouts) -> Value {
    json!({
        "connect": timeouts.connect.map(time),
        "first_byte": timeouts.first_byte.map(time),
        "idle": timeouts.idle.map(time),
        "try": timeouts.each_try.map(time),
        "total": timeouts.total.map(time),
        "deadline_header": timeouts.deadline_header.as_ref().map(|name| name.as_str()),
    })
}
