//! How an exchange went, as an observer hears of it.

/// How an exchange went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status the client was sent; 0 where it was sent none.
    pub status: u16,
    /// Body bytes received from the client.
    pub request_bytes: u64,
    /// Body bytes sent to the client.
    pub response_bytes: u64,
    /// From the request's head to the response's end, in microseconds.
    pub duration_us: u64,
    /// Endpoints asked.
    pub tries: u32,
    /// The endpoint asked last, as host and port; none where none was asked.
    pub endpoint: Option<String>,
    /// Why it did not end with the upstream's whole answer, in the words of the access log; none where it did.
    pub cause: Option<String>,
}
