//! Who may call the admin listener.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::answer::Problem;

/// Calls that say nothing and change nothing: a probe, and the page that asks for the token.
const OPEN: [&str; 2] = ["/healthz", "/"];

/// Decides on each call before it is routed.
#[derive(Clone)]
pub(super) struct Entry {
    /// Hash of the token, so that a comparison takes the same time for every length.
    token: Option<[u8; 32]>,
}

impl Entry {
    pub(super) fn new(token: Option<&str>) -> Self {
        Self { token: token.map(hash) }
    }

    /// Whether a call may go on.
    pub(super) fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        if OPEN.contains(&path) {
            return Ok(());
        }
        let host = text(headers, header::HOST).unwrap_or_default();
        if text(headers, header::ORIGIN).is_some_and(|origin| !is_origin_of(origin, host)) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "a web page of another site may not call this listener"));
        }
        match &self.token {
            Some(token) => check_token(token, headers),
            None if is_local_name(host) => Ok(()),
            None => {
                Err(Problem::new(StatusCode::FORBIDDEN, "without a token the host must be localhost or an IP address")
                    .hint("call it by address, or set `admin.token`"))
            }
        }
    }
}

fn check_token(token: &[u8; 32], headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |detail: &str| {
        Problem::new(StatusCode::UNAUTHORIZED, detail)
            .hint("send `Authorization: Bearer TOKEN` with the value of `admin.token`")
    };
    let given = text(headers, header::AUTHORIZATION).ok_or_else(|| refused("this call needs a token"))?;
    let (scheme, given) = given.split_once(' ').unwrap_or_default();
    let right = bool::from(hash(given.trim()).ct_eq(token));
    if scheme.eq_ignore_ascii_case("bearer") && right { Ok(()) } else { Err(refused("the token is wrong")) }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    // A value that is no text is there and fits nothing.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{0}"))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn is_origin_of(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// A name that no DNS server of somebody else can point here. A missing host comes from no browser.
fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn allowed(entry: &Entry, pairs: &[(header::HeaderName, &str)]) -> bool {
        entry.check("/status", &headers(pairs)).is_ok()
    }

    #[test]
    fn only_the_right_token_opens() {
        let entry = Entry::new(Some("secret"));
        assert!(allowed(&entry, &[(header::AUTHORIZATION, "Bearer secret")]));
        assert!(allowed(&entry, &[(header::AUTHORIZATION, "bearer secret")]));
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer", "Bearer ", "secret", "Basic secret", "Bearer SECRET"]
        {
            assert!(!allowed(&entry, &[(header::AUTHORIZATION, wrong)]), "{wrong}");
        }
        assert!(!allowed(&entry, &[]));
    }

    #[test]
    fn without_a_token_only_local_names_open() {
        let entry = Entry::new(None);
        for host in ["localhost:9900", "127.0.0.1:9900", "[::1]:9900", "LOCALHOST", "10.0.0.1"] {
            assert!(allowed(&entry, &[(header::HOST, host)]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:9900", "127.0.0.1.evil.example", "[evil]"] {
            assert!(!allowed(&entry, &[(header::HOST, host)]), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_site_may_not_call() {
        let host = (header::HOST, "127.0.0.1:9900");
        let entry = Entry::new(None);
        assert!(allowed(&entry, &[host.clone(), (header::ORIGIN, "http://127.0.0.1:9900")]));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9901"] {
            assert!(!allowed(&entry, &[host.clone(), (header::ORIGIN, origin)]), "{origin}");
        }
    }

    #[test]
    fn a_probe_and_the_page_need_no_token() {
        let entry = Entry::new(Some("secret"));
        assert!(entry.check("/healthz", &HeaderMap::new()).is_ok());
        assert!(entry.check("/", &HeaderMap::new()).is_ok());
        assert!(entry.check("/healthz/", &HeaderMap::new()).is_err());
    }
}
