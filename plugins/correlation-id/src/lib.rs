//! Gives each request an id under a header of the operator's choice.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod uuid;

use std::cell::RefCell;

use tidegate_plugin_sdk::{Decision, FieldName, Policy, Problem, Request, RequestPolicy, export};

use config::{Config, Generator};

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct CorrelationId {
    header: FieldName,
    generator: Generator,
    keep: bool,
    echo: bool,
    max_length: usize,
    series: RefCell<Option<Series>>,
}

/// Ids of one instance: a random start, made with the first request, and a number.
#[derive(Debug)]
struct Series {
    start: String,
    count: u64,
}

impl Policy for CorrelationId {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        let Config { header, generator, keep, echo, max_length } = config;
        // No random number here: instances are copies of the configured one, and would all have the same.
        Ok(Self { header, generator, keep, echo, max_length: max_length.into(), series: RefCell::new(None) })
    }
}

impl RequestPolicy for CorrelationId {
    fn on_request(&self, request: &Request) -> Decision {
        let kept = self.keep.then(|| self.sent(request)).flatten();
        let forward = Decision::forward();
        let (id, forward) = match kept {
            Some(id) => (id, forward),
            None => {
                let id = self.make(request);
                let forward = forward.set_request_header(&self.header, id.as_str());
                (id, forward)
            }
        };
        if self.echo { forward.set_response_header(&self.header, id).into() } else { forward.into() }
    }
}

impl CorrelationId {
    /// The id the client sent, where it is one alone and harmless wherever it is logged or shown.
    fn sent(&self, request: &Request) -> Option<String> {
        let values = request.header_values(self.header.as_str());
        let [id] = values.as_slice() else { return None };
        let is_usable = (1..=self.max_length).contains(&id.len()) && id.iter().all(is_harmless);
        String::from_utf8(id.clone()).ok().filter(|_| is_usable)
    }

    fn make(&self, request: &Request) -> String {
        match self.generator {
            Generator::Uuid => uuid::random(),
            Generator::Counter => self.next(),
            Generator::RequestId => request.request_id(),
        }
    }

    fn next(&self) -> String {
        let mut series = self.series.borrow_mut();
        let series = series.get_or_insert_with(|| Series { start: uuid::random(), count: 0 });
        series.count += 1;
        format!("{}#{}", series.start, series.count)
    }
}

fn is_harmless(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:/+=@~#".contains(byte)
}

export!(CorrelationId: request);

#[cfg(test)]
mod tests;
