//! The configuration of a policy: any TOML table, as the JSON that plugins read.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::quantity::parsed;
use super::{Wrong, unexpected};

/// A table as a JSON object; dates become strings.
pub(in crate::config) fn object(value: &DeValue<'_>) -> Result<Value, Wrong> {
    match value {
        DeValue::Table(table) => object_of(table),
        other => Err(unexpected("a table", other)),
    }
}

fn object_of(table: &DeTable<'_>) -> Result<Value, Wrong> {
    let entries = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)));
    Ok(Value::Object(entries.collect::<Result<Map<_, _>, Wrong>>()?))
}

fn json(value: &DeValue<'_>) -> Result<Value, Wrong> {
    match value {
        DeValue::String(text) => Ok(Value::String(text.to_string())),
        DeValue::Boolean(boolean) => Ok(Value::Bool(*boolean)),
        DeValue::Datetime(datetime) => Ok(Value::String(datetime.to_string())),
        DeValue::Table(table) => object_of(table),
        DeValue::Array(items) => {
            items.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>().map(Value::Array)
        }
        DeValue::Integer(integer) => parsed(integer)
            .and_then(serde_json::Number::from_i128)
            .map(Value::Number)
            .ok_or_else(|| Wrong::new(format!("{integer} has no place in 64 bits")).hint("write it as a string")),
        DeValue::Float(float) => {
            let number = float.as_str().replace('_', "").parse().ok().and_then(serde_json::Number::from_f64);
            let wrong = || Wrong::new(format!("{float} is no number in JSON")).hint("write it as a string");
            number.map(Value::Number).ok_or_else(wrong)
        }
    }
}
