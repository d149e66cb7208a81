//! Endpoints from keys of etcd (version 3), over its JSON gateway.
//!
//! All keys are read, and watched from the revision after; what happened in between is in the watch. A watch that is
//! lost, cancelled or compacted away, and one in which nothing happened for a while, ends in reading all keys anew.

mod client;
mod messages;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::pace::Pace;
use super::{Answer, Failure, Provider};
use crate::config::endpoints_file;
use crate::config::model::{Endpoint, EtcdPrefix};
use client::{Client, Lines};
use messages::{Event, Key, Keys, Watched};

/// For a connection and the answer to a range of keys.
const ANSWER: Duration = Duration::from_secs(5);
/// A server that is silent for so long may hang, or have lost our watch.
const SILENCE: Duration = Duration::from_secs(60);
/// Of values that cannot be understood, so many are told.
const MOST_TOLD: usize = 4;

/// The endpoints below a prefix.
pub(super) struct Etcd {
    spec: EtcdPrefix,
    client: Client,
    /// Which of the servers is asked.
    server: usize,
    pace: Pace,
    watch: Option<Lines>,
    known: BTreeMap<Key, Value>,
}

/// What a key held last.
#[derive(Debug, Default)]
struct Value {
    /// As it was last understood.
    endpoint: Option<Endpoint>,
    /// Why what it holds now is not.
    problem: Option<String>,
}

impl Etcd {
    pub(super) fn new(spec: EtcdPrefix) -> Self {
        let (client, pace, known) = (Client::new(ANSWER), Pace::default(), BTreeMap::new());
        Self { spec, client, server: 0, pace, watch: None, known }
    }

    /// Waits for a change of what is watched; returns whether there was one that can be told.
    async fn watched(&mut self) -> bool {
        let Some(mut lines) = self.watch.take() else { return false };
        loop {
            let Ok(Ok(Some(line))) = timeout(SILENCE, lines.next()).await else { return false };
            match messages::watched(&line) {
                Ok(Watched::Events(events)) if events.is_empty() => {}
                Ok(Watched::Events(events)) => {
                    events.into_iter().for_each(|event| self.apply(event));
                    self.watch = Some(lines);
                    return true;
                }
                Ok(Watched::Ended) | Err(_) => return false,
            }
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Put(key, text) => {
                let before = self.known.remove(&key);
                let value = Value::read(&key, &text, before);
                self.known.insert(key, value);
            }
            Event::Delete(key) => drop(self.known.remove(&key)),
        }
    }

    /// Reads all keys and begins to watch; each server is tried once, beginning with the one that was right last.
    async fn read(&mut self) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for _ in 0..self.spec.servers.len() {
            let Some(server) = self.spec.servers.get(self.server) else { break };
            match self.client.read(server, &self.spec.prefix).await {
                Ok((keys, lines)) => {
                    self.watch = Some(lines);
                    self.replace(keys);
                    return Ok(());
                }
                Err(why) => problems.push(format!("{server} {why}")),
            }
            self.server = (self.server + 1) % self.spec.servers.len();
        }
        // In the same words whoever was asked first.
        problems.sort_unstable();
        Err(Failure(problems.join("; ")))
    }

    fn replace(&mut self, keys: Keys) {
        let mut before = std::mem::take(&mut self.known);
        let read = |(key, text): (Key, Vec<u8>)| {
            let value = Value::read(&key, &text, before.remove(&key));
            (key, value)
        };
        self.known = keys.into_iter().map(read).collect();
    }

    fn answer(&self) -> Result<Answer, Failure> {
        let endpoints: Vec<_> = self.known.values().filter_map(|value| value.endpoint.clone()).collect();
        let problems = || self.known.values().filter_map(|value| value.problem.as_deref());
        let told: Vec<_> = problems().take(MOST_TOLD).collect();
        let left_out = (!told.is_empty()).then(|| told.join("\n"));
        match left_out {
            Some(why) if endpoints.is_empty() => Err(Failure(why)),
            left_out => Ok(Answer { endpoints, left_out }),
        }
    }
}

impl Value {
    /// A value that is not understood leaves the endpoint its key had.
    fn read(key: &[u8], text: &[u8], before: Option<Self>) -> Self {
        // Whoever writes a key must not write into our log what he likes.
        let name = String::from_utf8_lossy(key).escape_debug().to_string();
        let read = match std::str::from_utf8(text) {
            Ok(text) => {
                endpoints_file::parse_one(&name, text).map_err(|report| report.render(false).trim_end().to_owned())
            }
            Err(_) => Err(format!("{name} is not UTF-8 text")),
        };
        match read {
            Ok(endpoint) => Self { endpoint: Some(endpoint), problem: None },
            Err(why) => Self { endpoint: before.and_then(|before| before.endpoint), problem: Some(why) },
        }
    }
}

#[async_trait]
impl Provider for Etcd {
    async fn next(&mut self) -> Result<Answer, Failure> {
        if !self.watched().await {
            self.pace.after_failures().await;
            let read = self.read().await;
            self.pace.count(read.is_ok());
            read?;
        }
        self.answer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etcd() -> Etcd {
        Etcd::new(EtcdPrefix { servers: Vec::new(), prefix: "/shop/".into() })
    }

    fn put(key: &str, text: &str) -> Event {
        Event::Put(key.into(), text.into())
    }

    fn ports(answer: &Answer) -> Vec<u16> {
        answer.endpoints.iter().filter_map(|endpoint| endpoint.address.port()).collect()
    }

    #[test]
    fn a_key_is_an_endpoint_until_it_is_deleted() {
        let mut etcd = etcd();
        etcd.apply(put("/shop/b", "{\"address\": \"10.0.0.1:2\"}"));
        etcd.apply(put("/shop/a", "address = \"10.0.0.1:1\""));
        assert_eq!(ports(&etcd.answer().unwrap()), [1, 2]);
        etcd.apply(Event::Delete("/shop/a".into()));
        assert_eq!(ports(&etcd.answer().unwrap()), [2]);
        etcd.apply(Event::Delete("/shop/b".into()));
        assert_eq!(etcd.answer().unwrap(), Answer::default());
    }

    #[test]
    fn a_value_that_is_garbage_leaves_the_endpoint_its_key_had() {
        let mut etcd = etcd();
        etcd.apply(put("/shop/a", "address = \"10.0.0.1:1\""));
        etcd.apply(put("/shop/a", "garbage"));
        etcd.apply(put("/shop/b", "address = 1"));
        let answer = etcd.answer().unwrap();
        assert_eq!(ports(&answer), [1]);
        let told = answer.left_out.unwrap();
        assert!(told.contains("/shop/a:1") && told.contains("/shop/b:1:11"), "{told}");
        etcd.replace(vec![("/shop/a".into(), "more garbage".into())]);
        assert_eq!(ports(&etcd.answer().unwrap()), [1], "reading anew forgets nothing that is there");
    }

    #[test]
    fn keys_that_are_all_garbage_are_no_empty_set() {
        let mut etcd = etcd();
        etcd.apply(put("/shop/a", "garbage"));
        assert!(etcd.answer().is_err());
    }
}
