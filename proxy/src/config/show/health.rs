//! How endpoints are watched, as the admin API shows it.

use serde_json::{Map, Value, json};

use super::{REDACTED, each, time};
use crate::config::model::{CheckKind, HealthCheck, HttpCheck, Outliers};
use crate::config::secret::is_secret_name;

pub(super) fn health(check: &HealthCheck) -> Value {
    let mut shown = match &check.kind {
        CheckKind::Tcp => json!({ "kind": "tcp" }),
        CheckKind::Http(http) => http_check(http, check),
        CheckKind::Grpc(grpc) => json!({
            "kind": "grpc",
            "service": grpc.service,
            "host": grpc.host,
            "reuse_connection": check.reuse_connection,
            "http_failures": check.http_failures,
        }),
    };
    let rest = json!({
        "tls": check.tls,
        "port": check.port,
        "interval": time(check.interval),
        "jitter": check.jitter,
        "timeout": time(check.timeout),
        "successes": check.successes,
        "tcp_failures": check.tcp_failures,
    });
    if let (Some(shown), Value::Object(rest)) = (shown.as_object_mut(), rest) {
        shown.extend(rest);
    }
    shown
}

fn http_check(http: &HttpCheck, check: &HealthCheck) -> Value {
    let headers = http.headers.iter().map(|(name, value)| {
        let is_hidden = is_secret_name(name.as_str());
        let shown = if is_hidden { REDACTED.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.to_string(), json!(shown))
    });
    json!({
        "kind": "http",
        "path": http.path,
        "host": http.host,
        "headers": headers.collect::<Map<_, _>>(),
        "statuses": ranges(&http.statuses),
        "body": http.body,
        "reuse_connection": check.reuse_connection,
        "http_failures": check.http_failures,
    })
}

pub(super) fn outliers(outliers: &Outliers) -> Value {
    json!({
        "enabled": true,
        "failures": outliers.failures,
        "statuses": ranges(&outliers.statuses),
        "error_share": outliers.error_share,
        "min_requests": outliers.min_requests,
        "window": time(outliers.window),
        "silence": time(outliers.silence),
        "slow_factor": outliers.slow_factor,
        "ejection": time(outliers.ejection),
        "max_ejection": time(outliers.max_ejection),
        "max_ejected": outliers.max_ejected,
    })
}

fn ranges(statuses: &[(u16, u16)]) -> Vec<Value> {
    each(statuses, |(low, high)| json!(format!("{low}-{high}")))
}
