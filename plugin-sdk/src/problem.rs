//! Configuration text, and what can be wrong with it.

use serde::de::DeserializeOwned;

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a path such as `limits[0].per`, empty for the whole.
    pub path: String,
    /// What is wrong and what would be right, in lower case, without a full stop.
    pub message: String,
}

impl Problem {
    /// A problem with the value at `path`.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// A problem where the text at `path` cannot stand in quotes, as the realm of a challenge does (RFC 9110 section 5.6.4).
    pub fn unquotable(path: impl Into<String>, text: &str) -> Option<Self> {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        let is_plain = text.bytes().all(plain);
        (!is_plain).then(|| Self::at(path, "must be printable ASCII without quotes and backslashes"))
    }

    /// A problem with the configuration as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::at("", message)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// Reads a configuration text into its type, and names the place where that fails.
pub(crate) fn parse<C: DeserializeOwned>(text: &str) -> Result<C, Problem> {
    let mut json = serde_json::Deserializer::from_str(text);
    let config = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Problem::at(place(error.path()), without_position(error.inner())))?;
    json.end().map_err(|error| Problem::whole(without_position(&error)))?;
    Ok(config)
}

/// The whole is `.` in a path, and a place in text that is no JSON is `?`; the contract says nothing for both.
fn place(path: &serde_path_to_error::Path) -> String {
    match path.to_string() {
        whole if whole == "." || whole == "?" => String::new(),
        path => path,
    }
}

/// The position is left out: it counts in the JSON the gateway made, which the operator never saw.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[expect(dead_code, reason = "only its shape matters")]
        limits: Vec<Limit>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limit {
        #[expect(dead_code, reason = "only its shape matters")]
        per: u32,
    }

    fn problem(text: &str) -> String {
        parse::<Config>(text).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_type_is_named_with_its_path() {
        assert_eq!(problem(r#"{"limits":[{"per":"x"}]}"#), "limits[0].per: invalid type: string \"x\", expected u32");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_path() {
        assert_eq!(
            problem(r#"{"limits":[{"per":1},{"pre":1}]}"#),
            "limits[1].pre: unknown field `pre`, expected `per`"
        );
    }

    #[test]
    fn a_missing_key_is_a_problem_of_the_whole() {
        assert_eq!(problem("{}"), "missing field `limits`");
    }

    #[test]
    fn text_that_is_no_json_is_a_problem_and_no_panic() {
        assert_eq!(problem("{"), "EOF while parsing an object");
        assert_eq!(problem(r#"{"limits":[]} x"#), "trailing characters");
    }
}
