//! One policy explained: its README, and every key as the schema of its configuration has it.

use serde_json::Value;

use super::shelf::Shelved;

/// A key of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// Such as `limits[].window`.
    path: String,
    kind: String,
    is_required: bool,
    default: Option<String>,
    description: String,
    /// Words that may stand there, each with what it means.
    words: Vec<(String, String)>,
}

/// The page, as Markdown.
pub(super) fn of(shelved: &Shelved) -> String {
    let mut page = shelved.readme.trim_end().to_owned();
    let schema = serde_json::from_str(shelved.schema).unwrap_or_default();
    let keys = keys(&schema);
    if !keys.is_empty() {
        page.push_str("\n\n## Every key of `config`\n\n");
        keys.iter().for_each(|key| page.push_str(&key.line()));
    }
    page
}

impl Key {
    fn line(&self) -> String {
        let standing = match (&self.default, self.is_required) {
            (Some(default), _) => format!(", default `{default}`"),
            (None, true) => ", required".to_owned(),
            (None, false) => String::new(),
        };
        let mut line = format!("- `{}` ({}{standing}): {}\n", self.path, self.kind, self.description);
        for (word, meaning) in &self.words {
            line.push_str(&format!("  - `{word}`: {meaning}\n"));
        }
        line
    }
}

fn keys(schema: &Value) -> Vec<Key> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut Vec<Key>) {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, of_key) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found.push(Key {
            kind: kind(of_key),
            is_required: required.contains(&name.as_str()),
            default: of_key.get("default").filter(|default| !default.is_null()).map(Value::to_string),
            // A form that is one key is explained as the form.
            description: description(of_key).or_else(|| description(schema)).unwrap_or_default(),
            words: words(of_key),
            path: path.clone(),
        });
        below(of_key, &path, found);
    }
}

/// What stands below a key, be it a table, a list of tables, or one of several forms.
fn below(schema: &Value, path: &str, found: &mut Vec<Key>) {
    collect(schema, path, found);
    if schema["items"].is_object() {
        below(&schema["items"], &format!("{path}[]"), found);
    }
    if schema["additionalProperties"].is_object() {
        below(&schema["additionalProperties"], &format!("{path}.NAME"), found);
    }
    for form in forms(schema) {
        below(form, path, found);
    }
}

fn description(schema: &Value) -> Option<String> {
    Some(schema["description"].as_str()?.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn words(schema: &Value) -> Vec<(String, String)> {
    let explained = |form: &Value| Some((form.get("const")?.to_string(), description(form)?));
    forms(schema).flat_map(|form| explained(form).into_iter().chain(words(form))).collect()
}

fn forms(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|form| schema[form].as_array()).flatten()
}

fn kind(schema: &Value) -> String {
    let words: Vec<_> = schema["enum"].as_array().into_iter().flatten().map(Value::to_string).collect();
    if !words.is_empty() {
        return words.join(" or ");
    }
    if let Some(word) = schema.get("const") {
        return word.to_string();
    }
    let mut kinds: Vec<String> = match &schema["type"] {
        Value::String(kind) => vec![named(kind, schema)],
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null").map(|k| named(k, schema)).collect()
        }
        _ => forms(schema).map(kind).filter(|kind| kind != "null").collect(),
    };
    kinds.dedup();
    if kinds.is_empty() { "any value".to_owned() } else { kinds.join(" or ") }
}

fn named(kind: &str, schema: &Value) -> String {
    match kind {
        "array" => format!("list of {}", self::kind(&schema["items"])),
        "object" => "table".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shelf::SHELF;
    use super::*;

    #[test]
    fn every_key_is_told_with_its_place_type_default_and_meaning() {
        let schema = serde_json::json!({
            "type": "object",
            "required": ["limit"],
            "properties": {
                "limit": { "type": "integer", "description": "How\nmany." },
                "by": { "enum": ["a", "b"], "default": "a", "description": "Whose." },
                "parts": { "type": "array", "description": "Which.", "items": {
                    "type": "object", "properties": { "name": { "type": ["string", "null"], "description": "Its name." } }
                } },
            },
        });
        let lines: String = keys(&schema).iter().map(Key::line).collect();
        let want = "- `by` (\"a\" or \"b\", default `\"a\"`): Whose.\n- `limit` (integer, required): How many.\n\
                    - `parts` (list of table): Which.\n- `parts[].name` (string): Its name.\n";
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&lines), sorted(want));
    }

    #[test]
    fn every_key_of_every_policy_is_explained() {
        for shelved in SHELF {
            let schema = serde_json::from_str(shelved.schema).unwrap();
            for key in keys(&schema) {
                assert!(!key.description.is_empty(), "{}: {} is not explained", shelved.name, key.path);
            }
        }
    }
}
