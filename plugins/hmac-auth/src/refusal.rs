//! Why a request is not admitted, and what the client is told.

use tidegate_plugin_sdk::{Decision, LocalResponse};

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no signature.
    Missing,
    /// It is not one signature in the form that is wanted, or covers what is not there.
    Malformed,
    /// It does not cover what it has to.
    Uncovered,
    /// It is too old, or of a time to come.
    Late,
    /// There is no such key, or it did not make this.
    Wrong,
    /// The body is not the one that was signed.
    Digest,
    /// It was used before.
    Replayed,
    /// There is no room to remember that it was used.
    Full,
}

impl Refusal {
    /// Nothing of the request is repeated; a wrong key and a wrong signature are not told apart.
    fn description(self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Full => None,
            Self::Malformed => Some("the signature cannot be read"),
            Self::Uncovered => Some("the signature does not cover what it has to"),
            Self::Late => Some("the signature is not of this time"),
            Self::Wrong => Some("the signature is wrong"),
            Self::Digest => Some("the body is not the one that was signed"),
            Self::Replayed => Some("the signature was used before"),
        }
    }

    /// The answer to the client.
    pub(crate) fn answer(self, challenge: &str, accepted: &str) -> LocalResponse {
        if self == Self::Full {
            return Decision::respond(503).header("retry-after", "1");
        }
        let challenge = match self.description() {
            Some(description) => format!("{challenge}, error_description=\"{description}\""),
            None => challenge.to_owned(),
        };
        Decision::respond(401).header("www-authenticate", challenge).header("accept-signature", accepted)
    }
}
