//! Answers the gateway makes itself: a problem document (RFC 9457) that says what happened and which request it was.

use bytes::Bytes;
use http::StatusCode;

/// The media type of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A problem document for a client: nothing in it tells about the inside of the deployment.
#[must_use]
pub fn document(status: StatusCode, detail: &str, request_id: &str) -> Bytes {
    let title = status.canonical_reason().unwrap_or("Error");
    let document = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
        "request_id": request_id,
    });
    Bytes::from(document.to_string() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_status_cause_and_request() {
        let text = document(StatusCode::NOT_FOUND, "no route matches", "id-\"1");
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["title"], "Not Found");
        assert_eq!(value["status"], 404);
        assert_eq!(value["detail"], "no route matches");
        assert_eq!(value["request_id"], "id-\"1");
    }
}
