//! HTTP/1 messages as they were on the wire.

use serde_json::Value;

/// Start line and fields of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// The bytes, with the empty line that ends them.
    pub(crate) raw: Vec<u8>,
    /// `GET / HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub(crate) start: String,
    /// In order of arrival, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    /// Splits a whole head.
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).into_owned();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { raw: raw.to_vec(), start, fields }
    }

    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// One word of the start line.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    /// How the body of a request with this head ends.
    pub(crate) fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::None)
    }

    /// How the body of a response with this head ends.
    pub(crate) fn response_framing(&self, answers_head: bool) -> Framing {
        let status: u16 = self.word(1).parse().unwrap_or_default();
        if answers_head || status < 200 || status == 204 || status == 304 {
            return Framing::None;
        }
        self.framing().unwrap_or(Framing::UntilClose)
    }

    fn framing(&self) -> Option<Framing> {
        if self.all("transfer-encoding").iter().any(|coding| coding.contains("chunked")) {
            return Some(Framing::Chunked);
        }
        self.field("content-length")
            .map(|length| Framing::Length(length.parse().expect("a content-length is a number")))
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(usize),
    /// With a chunk of no bytes.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// A whole response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    /// Status line and fields; of an HTTP/2 response, what they would have been.
    pub(crate) head: Head,
    /// The body without its framing.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The status code.
    pub(crate) fn status(&self) -> u16 {
        self.head.word(1).parse().unwrap_or_default()
    }

    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }
}
