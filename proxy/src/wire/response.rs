//! The response head as it leaves for the client.

use http::StatusCode;
use http::header;
use pingora_core::Result;
use pingora_http::ResponseHeader;

use super::hop_by_hop;
use super::request_id::X_REQUEST_ID;

/// Removes what belongs to the upstream's connection and names the request.
///
/// `Transfer-Encoding` stays: it tells Pingora how the body comes, and Pingora frames it anew. An upgrade keeps the two
/// fields that make it one.
///
/// # Errors
/// Pingora refuses a value, which these never are.
pub fn seal(head: &mut ResponseHeader, request_id: &str) -> Result<()> {
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        for name in hop_by_hop::connection_bound(&head.headers) {
            if name != header::TRANSFER_ENCODING {
                head.remove_header(&name);
            }
        }
    }
    head.insert_header(X_REQUEST_ID.clone(), request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(status: u16, fields: &[(&'static str, &'static str)]) -> ResponseHeader {
        let mut head = ResponseHeader::build(status, None).unwrap();
        for (name, value) in fields {
            head.append_header(*name, *value).unwrap();
        }
        seal(&mut head, "id-1").unwrap();
        head
    }

    #[test]
    fn the_upstreams_connection_stays_behind() {
        let head = sealed(
            200,
            &[("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Server", "x")],
        );
        assert_eq!(head.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["server", "x-request-id"]);
    }

    #[test]
    fn chunked_still_tells_how_the_body_comes() {
        assert!(sealed(200, &[("Transfer-Encoding", "chunked")]).headers.contains_key("transfer-encoding"));
    }

    #[test]
    fn an_upgrade_keeps_its_fields() {
        let head = sealed(101, &[("Connection", "Upgrade"), ("Upgrade", "websocket")]);
        assert!(head.headers.contains_key("connection") && head.headers.contains_key("upgrade"));
    }
}
