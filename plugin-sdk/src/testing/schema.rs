//! The JSON Schema of a configuration, which tools and the reference read beside the sources of its plugin.

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// Where the schema of a plugin lies in its folder.
const FILE: &str = "schema.json";
/// Set in the environment, it makes the test write the schema instead of reading it.
const UPDATE: &str = "UPDATE_SCHEMA";

/// Fails the test where `schema.json` in the folder of a plugin does not say what its configuration type says.
///
/// The folder is `env!("CARGO_MANIFEST_DIR")`. With `UPDATE_SCHEMA=1` in the environment the file is written anew. The
/// doc comments of the keys are their descriptions.
///
/// # Panics
/// The file differs, or cannot be written.
#[track_caller]
#[expect(clippy::panic, reason = "this is test code")]
pub fn schema_is_current<C: JsonSchema>(crate_folder: &str) {
    let folder = Path::new(crate_folder);
    let outcome = match std::env::var_os(UPDATE) {
        Some(_) => write::<C>(folder),
        None => compare::<C>(folder),
    };
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
}

fn compare<C: JsonSchema>(folder: &Path) -> Result<(), String> {
    let written = std::fs::read_to_string(file(folder)).unwrap_or_default();
    // As values: the order of keys is a matter of features that other crates of a build switch on.
    let written: Option<Value> = serde_json::from_str(&written).ok();
    if written.as_ref() == Some(schema::<C>(folder).as_value()) {
        return Ok(());
    }
    let (file, name) = (file(folder).display().to_string(), name(folder));
    Err(format!("{file} is not what the configuration says; `{UPDATE}=1 cargo test -p {name}` rewrites it"))
}

fn write<C: JsonSchema>(folder: &Path) -> Result<(), String> {
    let text = serde_json::to_string_pretty(&schema::<C>(folder)).map_err(|error| error.to_string())?;
    let file = file(folder);
    std::fs::write(&file, text + "\n").map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Each key is explained where it stands, so that whoever reads the schema follows no references.
fn schema<C: JsonSchema>(folder: &Path) -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RecursiveTransform(without_null));
    let mut schema = settings.into_generator().into_root_schema_for::<C>();
    schema.insert("title".to_owned(), name(folder).into());
    schema
}

/// TOML has no null: a key without a value is left out.
fn without_null(schema: &mut Schema) {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice != &json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            // What the key says of itself goes before what its type says.
            for (key, value) in only {
                schema.ensure_object().entry(key).or_insert(value);
            }
        }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Plugins are named like their folders.
fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldName, NoConfig};

    /// What there is to write.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its shape matters")]
    #[serde(deny_unknown_fields)]
    struct Config {
        /// The field that is read.
        header: FieldName,
        /// Another one, where there is one.
        other: Option<FieldName>,
        /// What it counts for.
        #[serde(default)]
        share: Option<u8>,
    }

    fn folder(schema: &Value) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tidegate-schema-{}", std::process::id())).join("gate");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(file(&folder), schema.to_string()).unwrap();
        folder
    }

    #[test]
    fn a_schema_that_is_missing_or_differs_is_refused_until_it_is_written() {
        let folder = folder(&json!({"title": "gate"}));
        let problem = compare::<Config>(&folder).unwrap_err();
        assert!(problem.ends_with("`UPDATE_SCHEMA=1 cargo test -p gate` rewrites it"), "{problem}");
        write::<Config>(&folder).unwrap();
        assert_eq!(compare::<Config>(&folder), Ok(()));
        assert!(compare::<NoConfig>(&folder).is_err());
        std::fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_schema_names_the_plugin_and_explains_each_key_where_it_stands() {
        let schema = schema::<Config>(Path::new("plugins/gate"));
        let expected = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "gate",
            "description": "What there is to write.",
            "type": "object",
            "additionalProperties": false,
            "required": ["header"],
            "properties": {
                "header": {
                    "description": "The field that is read.",
                    "type": "string",
                    "pattern": "^[!#-'*+.0-9A-Z^_`a-z|~-]+$",
                },
                "other": {
                    "description": "Another one, where there is one.",
                    "type": "string",
                    "pattern": "^[!#-'*+.0-9A-Z^_`a-z|~-]+$",
                },
                "share": {
                    "description": "What it counts for.",
                    "type": "integer",
                    "format": "uint8",
                    "minimum": 0,
                    "maximum": 255,
                },
            },
        });
        assert_eq!(schema.as_value(), &expected);
    }
}
