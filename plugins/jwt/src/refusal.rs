//! Why a request is not admitted, and what the client is told (RFC 6750 section 3).

use tidegate_plugin_sdk::{Decision, LocalResponse};

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no token.
    Missing,
    /// There are two.
    Several,
    /// There are no keys to check it with.
    Unavailable,
    /// It was not signed with a key of the set.
    Signature,
    /// Its payload is not what a token has to say, or says it twice.
    Malformed,
    Expired,
    NotYet,
    Issuer,
    Audience,
    /// A claim is missing, or has another value.
    Claim,
    /// It was not given for this.
    Scope,
    /// Nobody is known by it.
    Stranger,
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Self::Several => 400,
            Self::Scope => 403,
            Self::Unavailable => 503,
            _ => 401,
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Unavailable => None,
            Self::Several => Some("invalid_request"),
            Self::Scope => Some("insufficient_scope"),
            _ => Some("invalid_token"),
        }
    }

    /// Nothing of the token is repeated.
    fn description(self) -> &'static str {
        match self {
            Self::Missing => "there is no token",
            Self::Several => "there are two different tokens",
            Self::Unavailable => "the keys are not there yet",
            Self::Signature => "the signature cannot be verified",
            Self::Malformed => "the claims cannot be read",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::Claim => "a claim is missing or has another value",
            Self::Scope => "the token was not given for this",
            Self::Stranger => "nobody is known by this token",
        }
    }

    /// The answer to the client.
    pub(crate) fn answer(self, challenge: &str, scopes: &str) -> LocalResponse {
        let answer = Decision::respond(self.status());
        let Some(code) = self.code() else {
            return match self {
                Self::Unavailable => answer.header("retry-after", "1"),
                _ => answer.header("www-authenticate", challenge),
            };
        };
        let scope = if self == Self::Scope { format!(", scope=\"{scopes}\"") } else { String::new() };
        let description = self.description();
        let told = format!("{challenge}, error=\"{code}\", error_description=\"{description}\"{scope}");
        answer.header("www-authenticate", told)
    }
}
