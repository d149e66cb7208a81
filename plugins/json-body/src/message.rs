//! What a message says of its body.

/// What is in a body, by the fields of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// It can be read here.
    Json,
    /// It is JSON, and something around it.
    Compressed,
    /// It is something else, or nobody said.
    Other,
    /// Two readers of the message would differ.
    Ambiguous,
}

/// The media types that are JSON beside those by name.
#[derive(Debug)]
pub(crate) struct JsonTypes(Vec<String>);

impl JsonTypes {
    pub(crate) fn new(more: Vec<String>) -> Self {
        Self(more.into_iter().map(|kind| kind.to_ascii_lowercase()).collect())
    }

    /// Judges by all values of `content-type` and of `content-encoding`.
    pub(crate) fn content(&self, types: &[Vec<u8>], encodings: &[Vec<u8>]) -> Content {
        let mut types = types.iter().map(|kind| String::from_utf8_lossy(kind).trim().to_ascii_lowercase());
        let Some(kind) = types.next() else { return Content::Other };
        // A list is for no reader of this field; whoever takes its last member would differ from whoever takes its first.
        if types.any(|other| other != kind) || kind.contains(',') {
            return Content::Ambiguous;
        }
        let (essence, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
        if !self.is_json(essence.trim()) {
            return Content::Other;
        }
        let is_plain = |encoding: &Vec<u8>| encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
        match (encodings.iter().all(is_plain), is_utf8(parameters)) {
            (true, true) => Content::Json,
            (true, false) => Content::Ambiguous,
            (false, _) => Content::Compressed,
        }
    }

    fn is_json(&self, essence: &str) -> bool {
        let by_name = matches!(essence, "application/json" | "text/json") || essence.ends_with("+json");
        by_name || self.0.iter().any(|known| known == essence)
    }
}

/// JSON between systems is UTF-8 (RFC 8259 section 8.1); who believes another `charset` reads other names.
fn is_utf8(parameters: &str) -> bool {
    let mut charsets = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    charsets.all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(types: &[&str], encodings: &[&str]) -> Content {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
        JsonTypes::new(vec!["application/x-own".to_owned()]).content(&bytes(types), &bytes(encodings))
    }

    #[test]
    fn json_goes_by_several_names() {
        for kind in [
            "application/json",
            " Application/JSON; charset=\"UTF-8\"",
            "application/problem+json",
            "text/json",
            "application/X-Own",
        ] {
            assert_eq!(content(&[kind], &[]), Content::Json, "{kind}");
        }
        for kind in ["text/plain", "application/x-ndjson", "application/jsonp", "", "json"] {
            assert_eq!(content(&[kind], &["gzip"]), Content::Other, "{kind}");
        }
        assert_eq!(content(&[], &[]), Content::Other);
    }

    #[test]
    fn json_under_an_encoding_is_compressed_unless_the_encoding_is_none() {
        assert_eq!(content(&["application/json"], &["gzip"]), Content::Compressed);
        assert_eq!(content(&["application/json"], &["identity", "br"]), Content::Compressed);
        assert_eq!(content(&["application/json"], &["Identity"]), Content::Json);
    }

    #[test]
    fn what_two_readers_would_take_differently_is_ambiguous() {
        assert_eq!(content(&["text/plain", "application/json"], &[]), Content::Ambiguous);
        assert_eq!(content(&["text/plain, application/json"], &[]), Content::Ambiguous);
        assert_eq!(content(&["application/json; charset=utf-7"], &[]), Content::Ambiguous);
        assert_eq!(content(&["application/json", "application/json"], &[]), Content::Json);
    }
}
