//! The two forms of an access line.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use super::AccessRecord;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

impl Form {
    /// Appends one line with its line end.
    pub(super) fn write(self, line: &mut Vec<u8>, time: SystemTime, record: &AccessRecord<'_>) {
        match self {
            Self::Text => text(line, time, record),
            Self::Json => json(line, time, record),
        }
    }
}

fn text(line: &mut Vec<u8>, time: SystemTime, record: &AccessRecord<'_>) {
    timestamp(line, time);
    // Writing to a `Vec` cannot fail; so below.
    let _ = write!(line, " {} \"", record.client);
    for part in [record.method, record.authority, record.target] {
        escaped(line, if part.is_empty() { "-" } else { part });
        line.push(b' ');
    }
    escaped(line, record.protocol);
    line.extend_from_slice(b"\" ");
    number(line, record.status);
    line.push(b' ');
    number(line, record.bytes_out);
    line.push(b' ');
    milliseconds(line, record.taken);
    line.extend_from_slice(b"ms");
    for (key, value) in pairs(record) {
        let Some(value) = value else { continue };
        line.push(b' ');
        line.extend_from_slice(key.as_bytes());
        line.push(b'=');
        if value.contains(' ') { quoted(line, value) } else { escaped(line, value) }
    }
    if record.tries > 1 {
        line.extend_from_slice(b" tries=");
        number(line, record.tries);
    }
    if record.bytes_in > 0 {
        line.extend_from_slice(b" bytes_in=");
        number(line, record.bytes_in);
    }
    line.push(b'\n');
}

fn pairs<'a>(record: &AccessRecord<'a>) -> [(&'static str, Option<&'a str>); 7] {
    let request_id = (!record.request_id.is_empty()).then_some(record.request_id);
    [
        ("id", request_id),
        ("route", record.route),
        ("upstream", record.upstream),
        ("endpoint", record.endpoint),
        ("consumer", record.consumer),
        ("policy", record.policy),
        ("cause", record.cause),
    ]
}

fn json(line: &mut Vec<u8>, time: SystemTime, record: &AccessRecord<'_>) {
    line.extend_from_slice(b"{\"time\":\"");
    timestamp(line, time);
    let _ = write!(line, "\",\"client\":\"{}\"", record.client);
    let texts = [
        (",\"request_id\":", record.request_id),
        (",\"method\":", record.method),
        (",\"host\":", record.authority),
        (",\"target\":", record.target),
        (",\"protocol\":", record.protocol),
    ];
    for (key, value) in texts {
        line.extend_from_slice(key.as_bytes());
        quoted(line, value);
    }
    line.extend_from_slice(b",\"status\":");
    number(line, record.status);
    line.extend_from_slice(b",\"bytes_in\":");
    number(line, record.bytes_in);
    line.extend_from_slice(b",\"bytes_out\":");
    number(line, record.bytes_out);
    line.extend_from_slice(b",\"duration_ms\":");
    milliseconds(line, record.taken);
    json_outcome(line, record);
    line.extend_from_slice(b"}\n");
}

fn json_outcome(line: &mut Vec<u8>, record: &AccessRecord<'_>) {
    optional(line, b",\"route\":", record.route);
    optional(line, b",\"upstream\":", record.upstream);
    optional(line, b",\"endpoint\":", record.endpoint);
    line.extend_from_slice(b",\"tries\":");
    number(line, record.tries);
    optional(line, b",\"consumer\":", record.consumer);
    optional(line, b",\"policy\":", record.policy);
    optional(line, b",\"cause\":", record.cause);
}

fn optional(line: &mut Vec<u8>, key: &[u8], value: Option<&str>) {
    line.extend_from_slice(key);
    match value {
        Some(value) => quoted(line, value),
        None => line.extend_from_slice(b"null"),
    }
}

fn timestamp(line: &mut Vec<u8>, time: SystemTime) {
    let _ = write!(line, "{}", humantime::format_rfc3339_millis(time));
}

fn number(line: &mut Vec<u8>, value: impl itoa::Integer) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// With microseconds as the fraction, always three digits.
fn milliseconds(line: &mut Vec<u8>, taken: Duration) {
    number(line, taken.as_millis());
    let _ = write!(line, ".{:03}", taken.subsec_micros() % 1000);
}

fn quoted(line: &mut Vec<u8>, value: &str) {
    line.push(b'"');
    escaped(line, value);
    line.push(b'"');
}

/// Appends `value` with everything escaped as in JSON that is not printable ASCII, and quotes and backslashes.
fn escaped(line: &mut Vec<u8>, value: &str) {
    if value.bytes().all(is_plain) {
        line.extend_from_slice(value.as_bytes());
        return;
    }
    let mut units = [0; 2];
    for character in value.chars() {
        match character {
            '"' => line.extend_from_slice(b"\\\""),
            '\\' => line.extend_from_slice(b"\\\\"),
            ' '..='~' => line.push(character as u8),
            other => {
                for unit in other.encode_utf16(&mut units) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}
