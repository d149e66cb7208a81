//! Whose requests are counted together: what every policy with limits asks its operator.
//!
//! An operator writes one part, `"consumer"`, or several, `["consumer", { header = "x-tenant" }]`: then requests are counted
//! together where all parts are the same.

mod key;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

use crate::{FieldName, Request};

pub use key::CounterKey;

/// More parts than anybody needs, few enough that a key stays short.
const MOST_PARTS: usize = 4;

/// Whose requests are counted together, as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// At least one, each once.
    parts: Vec<Part>,
}

/// One thing that requests have in common.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The consumer an earlier policy identified; where there is none, the client's address.
    Consumer,
    /// The client's address; IPv6 by its /64, which is what one customer has.
    ClientAddress,
    /// The route that matched.
    Route,
    /// The one value of a field; where it is missing, repeated or no plain short text, the client's address.
    Header(FieldName),
}

impl Subject {
    /// What an operator who says nothing means: each consumer alone, and who is nobody by address.
    #[must_use]
    pub fn consumer() -> Self {
        Self { parts: vec![Part::Consumer] }
    }

    /// The key of the counter that a request belongs to.
    #[must_use]
    pub fn key_of(&self, request: &Request) -> CounterKey {
        CounterKey::of(&self.parts, request)
    }

    fn new(parts: Vec<Part>) -> Result<Self, String> {
        let is_repeated = |(index, part): (usize, &Part)| parts.iter().take(index).any(|before| before == part);
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(format!("names {} parts; 1 to {MOST_PARTS} are possible", parts.len()));
        }
        if parts.iter().enumerate().any(is_repeated) {
            return Err("names a part twice".to_owned());
        }
        Ok(Self { parts })
    }
}

impl Default for Subject {
    fn default() -> Self {
        Self::consumer()
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// Reads one part or a list of them; an untagged enum would not say what is wrong inside.
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Subject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"consumer\", \"client-address\", \"route\", { header = \"...\" }, or a list of these")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Subject, E> {
        Part::deserialize(text.into_deserializer()).map(|part| Subject { parts: vec![part] })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Subject, A::Error> {
        Part::deserialize(MapAccessDeserializer::new(map)).map(|part| Subject { parts: vec![part] })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Subject, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element()? {
            parts.push(part);
        }
        Subject::new(parts).map_err(de::Error::custom)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Subject {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Subject".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let part = generator.subschema_for::<Part>();
        let list = schemars::json_schema!({
            "type": "array", "items": part, "minItems": 1, "maxItems": MOST_PARTS, "uniqueItems": true
        });
        schemars::json_schema!({ "default": "consumer", "anyOf": [part, list] })
    }
}
