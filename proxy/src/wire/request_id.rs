//! The id of a request: kept where the client sent a usable one, made otherwise.

use http::HeaderMap;
use http::header::HeaderName;
use uuid::fmt::Hyphenated;

use crate::policy::facts::RequestId;

/// The field that carries it.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids than any known tracer makes are not worth carrying through every log.
const MAX_LENGTH: usize = 128;

/// The client's id where it is alone and harmless in a log line, else a new random one (UUID version 4).
#[must_use]
pub fn keep_or_make(headers: &HeaderMap) -> RequestId {
    let mut sent = headers.get_all(&X_REQUEST_ID).iter();
    match (sent.next(), sent.next()) {
        (Some(id), None) if is_usable(id.as_bytes()) => RequestId::from(id.clone()),
        _ => RequestId::new(uuid::Uuid::new_v4().hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]))
            .unwrap_or_default(),
    }
}

fn is_usable(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(b))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(ids: &[&'static str]) -> HeaderMap {
        ids.iter().map(|id| (X_REQUEST_ID.clone(), HeaderValue::from_static(id))).collect()
    }

    #[test]
    fn a_usable_id_is_kept() {
        assert_eq!(keep_or_make(&with(&["01JAB-trace_7"])).as_str(), "01JAB-trace_7");
    }

    #[test]
    fn a_missing_doubled_or_unprintable_id_is_replaced() {
        for ids in [&[][..], &["a", "b"], &[""], &["a b"], &["a\"b"], &["<script>"]] {
            let id = keep_or_make(&with(ids));
            assert_eq!(id.as_str().len(), 36, "{ids:?} gave {id:?}");
        }
    }

    #[test]
    fn an_overlong_id_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID.clone(), HeaderValue::from_bytes(&[b'a'; 129]).unwrap());
        assert_eq!(keep_or_make(&headers).as_str().len(), 36);
    }
}
