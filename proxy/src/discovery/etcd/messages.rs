//! What is said to etcd's JSON gateway and heard from it: keys and values in base64, numbers as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

pub(super) type Key = Vec<u8>;
pub(super) type Keys = Vec<(Key, Vec<u8>)>;

/// Something happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Put(Key, Vec<u8>),
    Delete(Key),
}

/// What a line of a watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// In their order; none where it only says that it goes on.
    Events(Vec<Event>),
    /// It is over: cancelled, or what it should begin with is compacted away.
    Ended,
}

#[derive(Deserialize)]
struct Ranged {
    header: Header,
    #[serde(default)]
    kvs: Vec<KeyValue>,
}

#[derive(Deserialize)]
struct Header {
    revision: String,
}

#[derive(Deserialize)]
struct KeyValue {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Line {
    result: Option<WatchResult>,
}

#[derive(Deserialize)]
struct WatchResult {
    #[serde(default)]
    canceled: bool,
    #[serde(default)]
    events: Vec<WatchEvent>,
}

#[derive(Deserialize)]
struct WatchEvent {
    /// Left out for a put.
    r#type: Option<String>,
    kv: KeyValue,
}

/// Asks for all keys below a prefix.
pub(super) fn range(prefix: &str) -> String {
    json!({ "key": STANDARD.encode(prefix), "range_end": STANDARD.encode(behind(prefix.as_bytes())) }).to_string()
}

/// Asks for what happens to them from this revision on.
pub(super) fn watch(prefix: &str, revision: i64) -> String {
    let (key, range_end) = (STANDARD.encode(prefix), STANDARD.encode(behind(prefix.as_bytes())));
    let request = json!({ "key": key, "range_end": range_end, "start_revision": revision.to_string() });
    json!({ "create_request": request }).to_string()
}

/// The first key behind all with this prefix; a zero where there is none.
fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

/// The keys of an answer, and the revision they are of.
pub(super) fn ranged(answer: &[u8]) -> Result<(Keys, i64), String> {
    let told: Ranged = serde_json::from_slice(answer).map_err(|error| format!("gave no answer of etcd's: {error}"))?;
    let revision = told.header.revision.parse().map_err(|error| format!("gave no revision: {error}"))?;
    let keys = told.kvs.into_iter().map(pair).collect::<Result<_, _>>()?;
    Ok((keys, revision))
}

pub(super) fn watched(line: &[u8]) -> Result<Watched, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| format!("gave no event of etcd's: {error}"))?;
    match line.result {
        Some(WatchResult { canceled: false, events }) => {
            events.into_iter().map(event).collect::<Result<_, _>>().map(Watched::Events)
        }
        _ => Ok(Watched::Ended),
    }
}

fn event(told: WatchEvent) -> Result<Event, String> {
    let (key, value) = pair(told.kv)?;
    match told.r#type.as_deref() {
        None | Some("PUT") => Ok(Event::Put(key, value)),
        Some("DELETE") => Ok(Event::Delete(key)),
        Some(other) => Err(format!("gave an event of an unknown kind: {other:?}")),
    }
}

fn pair(told: KeyValue) -> Result<(Key, Vec<u8>), String> {
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| format!("gave no base64: {error}"));
    Ok((decode(&told.key)?, decode(&told.value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_behind_the_last_key_with_the_prefix() {
        assert_eq!(behind(b"/shop/"), b"/shop0");
        assert_eq!(behind(b"a\xff\xff"), b"b");
        assert_eq!(behind(b"\xff"), b"\0");
    }

    #[test]
    fn an_empty_prefix_has_no_keys_but_a_revision() {
        let answer = br#"{"header":{"cluster_id":"1","revision":"7","raft_term":"2"}}"#;
        assert_eq!(ranged(answer), Ok((Vec::new(), 7)));
    }

    #[test]
    fn events_are_puts_unless_they_say_otherwise() {
        let line = br#"{"result":{"header":{},"events":[{"kv":{"key":"YQ==","value":"Yg=="}},{"type":"DELETE","kv":{"key":"YQ=="}}]}}"#;
        let expected = vec![Event::Put(b"a".into(), b"b".into()), Event::Delete(b"a".into())];
        assert_eq!(watched(line), Ok(Watched::Events(expected)));
    }

    #[test]
    fn a_watch_begins_without_events_and_ends_by_a_word() {
        assert_eq!(watched(br#"{"result":{"header":{},"created":true}}"#), Ok(Watched::Events(Vec::new())));
        let ends = [
            r#"{"result":{"canceled":true,"compact_revision":"9"}}"#,
            r#"{"error":{"message":"etcdserver: no leader"}}"#,
        ];
        for end in ends {
            assert_eq!(watched(end.as_bytes()), Ok(Watched::Ended), "{end}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for garbage in ["", "{}", "[]", r#"{"header":{"revision":7}}"#, r#"{"header":{"revision":"x"}}"#] {
            assert!(ranged(garbage.as_bytes()).is_err(), "{garbage}");
        }
        let kv = |key: &str| format!(r#"{{"header":{{"revision":"7"}},"kvs":[{{"key":"{key}"}}]}}"#);
        assert!(ranged(kv("YQ==").as_bytes()).is_ok() && ranged(kv("%").as_bytes()).is_err());
        assert!(watched(b"garbage").is_err());
    }
}
