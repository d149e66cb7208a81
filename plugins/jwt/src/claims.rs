//! What a token says, once its signature is right.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::config::Scalar;

/// The claims of one token, each there once.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims(BTreeMap<String, Value>);

/// A claim is there in a form it must not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Claims {
    /// `None` where the payload is no JSON object, or says one thing twice: whoever takes the first and whoever takes the
    /// last would read two tokens (RFC 7519 section 4 leaves it open).
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// What a claim says; `null` says nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A claim that is a text where it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Whom the token is for: one, or a list (RFC 7519 section 4.1.3); `None` where it does not say.
    pub(crate) fn audience(&self) -> Result<Option<Vec<&str>>, Malformed> {
        match self.0.get("aud") {
            None => Ok(None),
            Some(Value::String(one)) => Ok(Some(vec![one])),
            Some(Value::Array(several)) => {
                several.iter().map(|item| item.as_str().ok_or(Malformed)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(Malformed),
        }
    }

    /// Whether the claim is this, or a list that has it.
    pub(crate) fn says(&self, name: &str, wanted: &Scalar) -> bool {
        match self.get(name) {
            Some(Value::Array(items)) => items.iter().any(|item| wanted.is(item)),
            Some(value) => wanted.is(value),
            None => false,
        }
    }

    /// Whether the token was given for this.
    pub(crate) fn has_scope(&self, wanted: &str) -> bool {
        let in_text = self.text("scope").is_some_and(|scope| scope.split(' ').any(|word| word == wanted));
        let in_list = || self.get("scp").and_then(Value::as_array);
        in_text || in_list().is_some_and(|items| items.iter().any(|item| item.as_str() == Some(wanted)))
    }

    /// A claim as the value of a field; `None` where it is no text, number or truth value, or a text that a field would not
    /// carry unchanged.
    pub(crate) fn as_field(&self, name: &str) -> Option<String> {
        let text = match self.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let is_carried =
            text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text && !text.is_empty();
        is_carried.then_some(text)
    }
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Truth(truth) => value.as_bool() == Some(*truth),
            Self::Number(number) => value.as_i64() == Some(*number),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Claims, A::Error> {
                let mut claims = BTreeMap::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim is there twice"));
                    }
                }
                Ok(Claims(claims))
            }
        }

        deserializer.deserialize_map(Once)
    }
}
