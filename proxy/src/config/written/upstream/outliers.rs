//! `[upstream.outliers]`

use std::time::Duration;

use super::{HOUR, MS};
use crate::config::fields::Fields;
use crate::config::model::Outliers;
use crate::config::value::quantity::{count, duration};
use crate::config::value::{Wrong, boolean, http};
use crate::config::written::values;

pub(super) fn default() -> Outliers {
    Outliers {
        failures: 5,
        statuses: vec![(502, 504)],
        error_share: 50,
        min_requests: 20,
        window: Duration::from_secs(10),
        silence: Duration::from_millis(500),
        slow_factor: None,
        ejection: Duration::from_secs(5),
        max_ejection: Duration::from_secs(300),
        max_ejected: 50,
    }
}

/// `None` where it is switched off.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Outliers> {
    let default = default();
    let enabled = fields.or("enabled", boolean, true);
    let statuses = fields.list("statuses", http::statuses);
    let read = Outliers {
        failures: fields.or("failures", count(0..=1000), default.failures),
        statuses: if statuses.is_some() { values(statuses) } else { default.statuses },
        error_share: fields.or("error_share", count(1..=100), default.error_share),
        min_requests: fields.or("min_requests", count(1..=1_000_000), default.min_requests),
        window: fields.or("window", duration(1000 * MS..=HOUR), default.window),
        silence: fields.or("silence", duration(10 * MS..=HOUR), default.silence),
        slow_factor: fields.optional("slow_factor", count(2..=1000)).map(|factor| factor.value),
        ejection: fields.or("ejection", duration(10 * MS..=HOUR), default.ejection),
        max_ejection: fields.or("max_ejection", duration(10 * MS..=24 * HOUR), default.max_ejection),
        max_ejected: fields.or("max_ejected", count(1..=100), default.max_ejected),
    };
    if read.max_ejection < read.ejection {
        let wrong = Wrong::new("`max_ejection` is shorter than `ejection`").hint("the first ejection is the shortest");
        let key = if fields.is_written("max_ejection") { "max_ejection" } else { "ejection" };
        let at = fields.at().key(key);
        fields.problem_at(&at, wrong);
    }
    enabled.then_some(read)
}
