//! `[upstream.health]`

use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use toml::de::DeValue;

use super::{HOUR, MS};
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::model::{CheckKind, GrpcCheck, HealthCheck, HttpCheck};
use crate::config::value::quantity::{count, duration};
use crate::config::value::{self, Wrong, boolean, http, net, string};
use crate::config::written::{At, values};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Tcp,
    Grpc,
}

const KINDS: [(&str, Kind); 3] = [("http", Kind::Http), ("tcp", Kind::Tcp), ("grpc", Kind::Grpc)];
/// The keys of a check that not every kind has, and those which have them.
const NOT_FOR_ALL: [(&str, &[Kind]); 8] = [
    ("path", &[Kind::Http]),
    ("host", &[Kind::Http, Kind::Grpc]),
    ("headers", &[Kind::Http]),
    ("statuses", &[Kind::Http]),
    ("body", &[Kind::Http]),
    ("service", &[Kind::Grpc]),
    ("reuse_connection", &[Kind::Http, Kind::Grpc]),
    ("http_failures", &[Kind::Http, Kind::Grpc]),
];

impl Kind {
    fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// A check as written. Whether what it asks for can be had is a question to the whole upstream.
#[derive(Debug)]
pub(in crate::config) struct Health {
    pub(in crate::config) check: HealthCheck,
    /// Where the kind stands.
    pub(in crate::config) kind: KeyPath,
    pub(in crate::config) port: Option<At<u16>>,
    pub(in crate::config) tls: Option<At<bool>>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Health {
    let kind = fields.or("kind", value::word(&KINDS), Kind::Http);
    let (http, service) =
        (http_check(fields), fields.optional("service", value::text).map(|service| service.value).unwrap_or_default());
    let http_failures = fields.or("http_failures", count(1..=1000), 3);
    let reuse_connection = fields.or("reuse_connection", boolean, true) && kind != Kind::Tcp;
    refuse_others_keys(fields, kind);
    let port = fields.optional("port", count(1..=u16::MAX));
    let tls = fields.optional("tls", boolean);
    let check = HealthCheck {
        kind: match kind {
            Kind::Tcp => CheckKind::Tcp,
            Kind::Http => CheckKind::Http(http),
            Kind::Grpc => CheckKind::Grpc(GrpcCheck { service, host: http.host }),
        },
        tls: false,
        port: port.as_ref().map(|port| port.value),
        reuse_connection,
        interval: fields.or("interval", duration(10 * MS..=24 * HOUR), Duration::from_secs(10)),
        jitter: fields.or("jitter", count(0..=50), 10),
        timeout: fields.or("timeout", duration(MS..=HOUR), Duration::from_secs(1)),
        successes: fields.or("successes", count(1..=1000), 2),
        http_failures,
        tcp_failures: fields.or("tcp_failures", count(1..=1000), 2),
    };
    Health { check, kind: fields.at().key("kind"), port, tls }
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

/// What a check of this kind does not go by would be ignored in silence.
fn refuse_others_keys(fields: &mut Fields<'_, '_>, kind: Kind) {
    for (key, kinds) in NOT_FOR_ALL {
        if fields.is_written(key) && !kinds.contains(&kind) {
            let at = fields.at().key(key);
            let wrong = Wrong::new(format!("a check of kind \"{}\" has no `{key}`", kind.word()));
            let other = kinds.iter().map(|kind| kind.word()).next().unwrap_or_default();
            fields.problem_at(&at, wrong.hint(format!("leave it out, or write `kind = \"{other}\"`")));
        }
    }
}

fn header_name(written: &str) -> Result<HeaderName, Wrong> {
    let name = http::header_name(written)?;
    match name.as_str() {
        "host" => Err(Wrong::new("a check has its `Host` elsewhere").hint("write `host` beside `headers`")),
        "connection" | "content-length" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding"
        | "upgrade" => Err(Wrong::new(format!("a check sends no `{name}`"))
            .hint("it is a GET; `reuse_connection` says what becomes of its connection")),
        _ => Ok(name),
    }
}

fn header_value(value: &DeValue<'_>) -> Result<HeaderValue, Wrong> {
    HeaderValue::from_str(string(value)?).map_err(|_| Wrong::new("no header field has this value"))
}
