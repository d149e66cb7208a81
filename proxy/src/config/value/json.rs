//! The configuration of a policy: any TOML table, as the JSON that plugins read.

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::Wrong;
use super::quantity::parsed;
use crate::config::key_path::KeyPath;

/// A table as a JSON object; dates become strings. What JSON cannot hold is told to `refuse` and becomes null.
pub(in crate::config) fn object(table: &DeTable<'_>, at: &KeyPath, refuse: &mut impl FnMut(&KeyPath, Wrong)) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let key = key.get_ref();
        (key.to_string(), json(value.get_ref(), &at.key(key), refuse))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn json(value: &DeValue<'_>, at: &KeyPath, refuse: &mut impl FnMut(&KeyPath, Wrong)) -> Value {
    let number = match value {
        DeValue::String(text) => return Value::String(text.to_string()),
        DeValue::Boolean(boolean) => return Value::Bool(*boolean),
        DeValue::Datetime(datetime) => return Value::String(datetime.to_string()),
        DeValue::Table(table) => return object(table, at, refuse),
        DeValue::Array(items) => {
            let items = items.iter().enumerate();
            return Value::Array(items.map(|(index, item)| json(item.get_ref(), &at.index(index), refuse)).collect());
        }
        DeValue::Integer(integer) => parsed(integer).and_then(Number::from_i128),
        DeValue::Float(float) => float.as_str().replace('_', "").parse().ok().and_then(Number::from_f64),
    };
    number.map_or_else(
        || {
            refuse(at, Wrong::new("JSON, which plugins read, has no such number").hint("write it as a string"));
            Value::Null
        },
        Value::Number,
    )
}
