//! Capabilities whose types the bindings cannot take over, in the shape that the SDK gives them.

/// Labels as pairs.
pub mod labelled {
    use crate::contract::bindings::metrics::tidegate::gateway::metrics::{self, Label};

    /// See [`crate::metrics::add`].
    pub fn add(name: &str, labels: &[(&str, &str)], amount: f64) {
        metrics::add(name, &list(labels), amount);
    }

    /// See [`crate::metrics::set`].
    pub fn set(name: &str, labels: &[(&str, &str)], value: f64) {
        metrics::set(name, &list(labels), value);
    }

    /// See [`crate::metrics::observe`].
    pub fn observe(name: &str, labels: &[(&str, &str)], value: f64) {
        metrics::observe(name, &list(labels), value);
    }

    fn list<'a>(labels: &[(&'a str, &'a str)]) -> Vec<Label<'a>> {
        labels.iter().map(|&(name, value)| Label { name, value }).collect()
    }
}

/// Tokens with the SDK's errors.
pub mod verified {
    use crate::contract::bindings::capabilities::tidegate::gateway::keysets as contract;
    use crate::keysets::{InvalidToken, TokenError};

    /// See [`crate::keysets::verify`].
    ///
    /// # Errors
    /// Why the token is not to be believed.
    pub fn verify(keyset: &str, token: &[u8]) -> Result<Vec<u8>, TokenError> {
        contract::verify(keyset, token).map_err(TokenError::from)
    }

    /// See [`crate::keysets::verify_current`].
    ///
    /// # Errors
    /// Why the token does not count.
    pub fn verify_current(keyset: &str, token: &[u8], leeway_seconds: u32) -> Result<Vec<u8>, InvalidToken> {
        contract::verify_current(keyset, token, leeway_seconds).map_err(|error| match error {
            contract::InvalidToken::Untrusted(error) => InvalidToken::Untrusted(error.into()),
            contract::InvalidToken::MalformedClaims => InvalidToken::MalformedClaims,
            contract::InvalidToken::Endless => InvalidToken::Endless,
            contract::InvalidToken::Expired => InvalidToken::Expired,
            contract::InvalidToken::NotYet => InvalidToken::NotYet,
        })
    }

    impl From<contract::TokenError> for TokenError {
        fn from(error: contract::TokenError) -> Self {
            match error {
                contract::TokenError::UnknownKeyset => Self::UnknownKeyset,
                contract::TokenError::Malformed => Self::Malformed,
                contract::TokenError::Algorithm => Self::Algorithm,
                contract::TokenError::UnknownKey => Self::UnknownKey,
                contract::TokenError::Signature => Self::Signature,
                contract::TokenError::Unavailable => Self::Unavailable,
            }
        }
    }
}

/// Passwords with the SDK's errors.
pub mod proven {
    use crate::contract::bindings::capabilities::tidegate::gateway::passwords as contract;
    use crate::passwords::PasswordError;

    /// See [`crate::passwords::verify`].
    ///
    /// # Errors
    /// Why nobody was found.
    pub fn verify(name: &str, password: &[u8]) -> Result<u64, PasswordError> {
        contract::verify(name, password).map_err(|error| match error {
            contract::PasswordError::Wrong => PasswordError::Wrong,
            contract::PasswordError::Overloaded => PasswordError::Overloaded,
        })
    }
}

/// Requests with the SDK's errors.
pub mod exchanged {
    use crate::contract::bindings::capabilities::tidegate::gateway::http_client as contract;
    use crate::http_client::{Incoming, Outgoing, SendError};

    /// See [`Outgoing::send`].
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn send(request: &Outgoing) -> Result<Incoming, SendError> {
        contract::send(request).map_err(|error| match error {
            contract::SendError::UnknownUpstream => SendError::UnknownUpstream,
            contract::SendError::IllegalRequest => SendError::IllegalRequest,
            contract::SendError::TooManyCalls => SendError::TooManyCalls,
            contract::SendError::Unavailable => SendError::Unavailable,
            contract::SendError::Timeout => SendError::Timeout,
            contract::SendError::TooLarge => SendError::TooLarge,
            contract::SendError::IllegalResponse => SendError::IllegalResponse,
        })
    }
}
