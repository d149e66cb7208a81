//! `[route.timeouts]`

use ::http::header::HeaderName;

use crate::config::fields::Fields;
use crate::config::model::RouteTimeouts;
use crate::config::value::quantity::duration;
use crate::config::value::{Wrong, http, string};
use crate::config::written::upstream::{HOUR, MS};

/// Fields that frame a message, belong to one connection, or are the gateway's own.
const TAKEN: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "grpc-timeout",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

pub(super) fn read(fields: &mut Fields<'_, '_>) -> RouteTimeouts {
    let timeouts = RouteTimeouts {
        connect: fields.optional("connect", duration(MS..=HOUR)).map(|time| time.value),
        first_byte: fields.optional("first_byte", duration(MS..=24 * HOUR)).map(|time| time.value),
        idle: fields.optional("idle", duration(MS..=24 * HOUR)).map(|time| time.value),
        each_try: fields.optional("try", duration(MS..=24 * HOUR)).map(|time| time.value),
        total: fields.optional("total", duration(MS..=24 * HOUR)).map(|time| time.value),
        deadline_header: fields.optional("deadline_header", |value| header(string(value)?)).map(|name| name.value),
    };
    check(&timeouts, fields);
    timeouts
}

fn check(timeouts: &RouteTimeouts, fields: &mut Fields<'_, '_>) {
    if timeouts.total.zip(timeouts.each_try).is_some_and(|(total, each_try)| each_try > total) {
        let wrong = Wrong::new("`try` is longer than `total`").hint("no try outlasts its request");
        let at = fields.at().key("try");
        fields.problem_at(&at, wrong);
    }
    if timeouts.deadline_header.is_some() && !fields.is_written("total") {
        let wrong = Wrong::new("`deadline_header` says what is left of `total`, and there is none");
        let at = fields.at().key("deadline_header");
        fields.problem_at(&at, wrong.hint("add `total = \"10s\"`"));
    }
}

fn header(written: &str) -> Result<HeaderName, Wrong> {
    let name = http::header_name(written)?;
    if TAKEN.contains(&name.as_str()) {
        let hint = "one of its own, as in \"x-request-timeout-ms\"";
        return Err(Wrong::new(format!("{name} has another meaning already")).hint(hint));
    }
    Ok(name)
}
