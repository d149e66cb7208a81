//! `[upstream.health]`

use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use toml::de::DeValue;

use super::{HOUR, MS};
use crate::config::fields::Fields;
use crate::config::model::{CheckKind, HealthCheck, HttpCheck};
use crate::config::value::quantity::{count, duration};
use crate::config::value::{self, Wrong, http, net, string};
use crate::config::written::{At, values};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Tcp,
}

const KINDS: [(&str, Kind); 2] = [("http", Kind::Http), ("tcp", Kind::Tcp)];

pub(super) fn read(fields: &mut Fields<'_, '_>) -> HealthCheck {
    let is_tcp = matches!(fields.optional("kind", value::word(&KINDS)), Some(At { value: Kind::Tcp, .. }));
    let http = http_check(fields);
    let http_failures = fields.or("http_failures", count(1..=1000), 3);
    if is_tcp {
        refuse_http_keys(fields);
    }
    HealthCheck {
        kind: if is_tcp { CheckKind::Tcp } else { CheckKind::Http(http) },
        port: fields.optional("port", count(1..=u16::MAX)).map(|port| port.value),
        interval: fields.or("interval", duration(10 * MS..=24 * HOUR), Duration::from_secs(10)),
        jitter: fields.or("jitter", count(0..=50), 10),
        timeout: fields.or("timeout", duration(MS..=HOUR), Duration::from_secs(1)),
        successes: fields.or("successes", count(1..=1000), 2),
        http_failures,
        tcp_failures: fields.or("tcp_failures", count(1..=1000), 2),
    }
}

fn http_check(fields: &mut Fields<'_, '_>) -> HttpCheck {
    let statuses = fields.list("statuses", http::statuses);
    let headers = fields.entries("headers", header_name, header_value);
    HttpCheck {
        path: fields.or("path", |value| http::target(string(value)?), "/".to_owned()),
        host: fields.optional("host", net::authority).map(|host| host.value),
        headers: headers.into_iter().map(|(name, value)| (name.value, value)).collect(),
        statuses: if statuses.is_some() { values(statuses) } else { vec![(200, 399)] },
        body: fields.optional("body", value::text).map(|body| body.value),
    }
}

/// What only an HTTP check goes by would be ignored in silence.
fn refuse_http_keys(fields: &mut Fields<'_, '_>) {
    for key in ["path", "host", "headers", "statuses", "body", "http_failures"] {
        if fields.is_written(key) {
            let at = fields.at().key(key);
            let wrong = Wrong::new(format!("a check of kind \"tcp\" has no `{key}`"));
            fields.problem_at(&at, wrong.hint("leave it out, or write `kind = \"http\"`"));
        }
    }
}

fn header_name(written: &str) -> Result<HeaderName, Wrong> {
    let name = http::header_name(written)?;
    match name.as_str() {
        "host" => Err(Wrong::new("a check has its `Host` elsewhere").hint("write `host` beside `headers`")),
        "connection" | "content-length" | "transfer-encoding" => {
            Err(Wrong::new(format!("a check sends no `{name}`")).hint("it is a GET on a connection of its own"))
        }
        _ => Ok(name),
    }
}

fn header_value(value: &DeValue<'_>) -> Result<HeaderValue, Wrong> {
    HeaderValue::from_str(string(value)?).map_err(|_| Wrong::new("no header field has this value"))
}
