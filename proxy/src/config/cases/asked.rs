//! What a case asks: a request, and with it a response or candidates.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Method;
use toml::de::DeValue;

use super::{
    AskedCandidate, AskedExchange, AskedRequest, AskedResponse, AskedUpstream, Fieldset, LONGEST, Subject,
    UpstreamAnswer, UpstreamFault,
};
use crate::config::fields::Fields;
use crate::config::value::http::{header_name, method, target};
use crate::config::value::net::{authority, endpoint_address};
use crate::config::value::quantity::{count, duration};
use crate::config::value::{self, Wrong, quoted, secret, string, unexpected, word};
use crate::config::written::At;

/// An address for documentation (RFC 5737): of nobody.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The request of a case, and whom it says is identified.
pub(super) fn request(fields: &mut Fields<'_, '_>) -> (AskedRequest, Option<At<String>>) {
    let written = fields.inline("request", "{ target = \"/items\", headers = { apikey = \"alice-key\" } }", |fields| {
        let consumer = fields.optional("consumer", value::name);
        let certificate = fields.optional("certificate", secret::certificate).map(|certificate| certificate.value);
        let request = AskedRequest {
            method: fields.or("method", method, Method::GET),
            target: fields.or("target", |value| target(string(value)?), "/".to_owned()),
            is_https: fields.or("scheme", word(&[("http", false), ("https", true)]), certificate.is_some()),
            certificate,
            authority: fields.or("authority", authority, "edge.test".to_owned()),
            client: fields.or("client", ip_address, CLIENT),
            route: fields.or("route", value::name, "test".to_owned()),
            consumer: consumer.as_ref().map(|consumer| consumer.value.clone()),
            headers: fieldset(fields, "headers"),
        };
        (request, consumer)
    });
    written.unwrap_or_else(|| (AskedRequest::default(), None))
}

impl Default for AskedRequest {
    fn default() -> Self {
        Self {
            method: Method::GET,
            target: "/".to_owned(),
            is_https: false,
            certificate: None,
            authority: "edge.test".to_owned(),
            client: CLIENT,
            route: "test".to_owned(),
            consumer: None,
            headers: Vec::new(),
        }
    }
}

/// What else is given decides which role is asked.
pub(super) fn subject(fields: &mut Fields<'_, '_>) -> Subject {
    let response = fields.inline("response", "{ status = 200 }", |fields| AskedResponse {
        status: fields.or("status", count(100..=599), 200),
        endpoint: fields.optional("endpoint", endpoint_address).map(|endpoint| endpoint.value),
        headers: fieldset(fields, "headers"),
    });
    let body = fields.optional("body", pieces).map(|body| body.value);
    let candidates = fields.is_written("candidates").then(|| candidates(fields));
    if let Some(exchange) = exchange(fields) {
        if body.is_some() || candidates.is_some() {
            let at = fields.at().key("exchange");
            let wrong = Wrong::new("an exchange that is over has a `response` at most");
            fields.problem_at(&at, wrong.hint("make two cases of it"));
        }
        return Subject::Exchange(exchange, response);
    }
    match (response, body, candidates) {
        (None, None, None) => Subject::Request,
        (Some(response), None, None) => Subject::Response(response),
        (None, Some(body), None) => Subject::RequestBody(body),
        (Some(response), Some(body), None) => Subject::ResponseBody(response, body),
        (None, None, Some(candidates)) => Subject::Candidates(candidates),
        (_, _, Some(candidates)) => {
            let at = fields.at().key("candidates");
            let wrong = Wrong::new("a case asks about a message or about candidates, not about both");
            fields.problem_at(&at, wrong.hint("make two cases of it"));
            Subject::Candidates(candidates)
        }
    }
}

/// A body that arrives at once, or in several pieces.
fn pieces(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    match value {
        DeValue::String(_) => Ok(vec![string(value)?.to_owned()]),
        DeValue::Array(items) if items.is_empty() => {
            Err(Wrong::new("a body arrives in one piece at least").hint("as in `body = [\"first \", \"second\"]`"))
        }
        DeValue::Array(items) => items.iter().map(|item| string(item.get_ref()).map(str::to_owned)).collect(),
        other => Err(unexpected("a string or a list of strings", other)),
    }
}

fn exchange(fields: &mut Fields<'_, '_>) -> Option<AskedExchange> {
    fields.inline("exchange", "{ response_bytes = 120, duration = \"3ms\" }", |fields| AskedExchange {
        request_bytes: fields.or("request_bytes", count(0..=u64::MAX), 0),
        response_bytes: fields.or("response_bytes", count(0..=u64::MAX), 0),
        duration: fields.or("duration", duration(Duration::ZERO..=LONGEST), Duration::from_millis(1)),
        tries: fields.or("tries", count(0..=u32::MAX), 1),
        cause: fields.optional("cause", value::text).map(|cause| cause.value),
    })
}

/// What upstreams answer that a policy asks.
pub(super) fn upstreams(fields: &mut Fields<'_, '_>) -> Vec<(String, AskedUpstream)> {
    let upstream = |fields: &mut Fields<'_, '_>| {
        let name = fields.required("name", value::name, "\"auth\"");
        let answer = UpstreamAnswer {
            status: fields.or("status", count(200..=599), 200),
            headers: fieldset(fields, "headers"),
            body: fields.or("body", |value| string(value).map(str::to_owned), String::new()),
        };
        let does = match fields.optional("failure", word(&UpstreamFault::WORDS)) {
            Some(fault) => AskedUpstream::Fails(fault.value),
            None => AskedUpstream::Answers(answer),
        };
        Some((name?.value, does))
    };
    fields.sections("upstreams", upstream).into_iter().flatten().collect()
}

fn candidates(fields: &mut Fields<'_, '_>) -> Vec<AskedCandidate> {
    let candidate = |fields: &mut Fields<'_, '_>| {
        Some(AskedCandidate {
            address: fields.required("address", endpoint_address, "\"10.0.0.1:80\"")?.value,
            weight: fields.or("weight", count(1..=u32::MAX), 1),
            zone: fields.or("zone", |value| string(value).map(str::to_owned), String::new()),
            in_flight: fields.or("in_flight", count(0..=u32::MAX), 0),
            latency_us: fields.or("latency_us", count(0..=u32::MAX), 0),
        })
    };
    fields.sections("candidates", candidate).into_iter().flatten().collect()
}

/// Header fields by name, with one value or a list of them.
pub(super) fn fieldset(fields: &mut Fields<'_, '_>, key: &'static str) -> Fieldset {
    let entries = fields.entries(key, header_name, field_values);
    entries.into_iter().map(|(name, values)| (name.value, values)).collect()
}

fn field_values(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    match value {
        DeValue::String(_) => Ok(vec![field_value(value)?]),
        DeValue::Array(items) => items.iter().map(|item| field_value(item.get_ref())).collect(),
        other => Err(unexpected("a string or a list of strings", other)),
    }
}

fn field_value(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = string(value)?;
    match http::HeaderValue::from_str(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 127)) => Ok(text.to_owned()),
        Err(_) => Err(Wrong::new(format!("{} cannot stand in a header field", quoted(text)))),
    }
}

fn ip_address(value: &DeValue<'_>) -> Result<IpAddr, Wrong> {
    let written = string(value)?;
    written.parse().map_err(|_| {
        Wrong::new(format!("{} is not an IP address", quoted(written))).hint("as in \"192.0.2.7\" or \"2001:db8::1\"")
    })
}
