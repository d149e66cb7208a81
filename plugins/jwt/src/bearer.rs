//! Where in a request the token is.

use tidegate_plugin_sdk::{Credential, FieldName, Request};

const AUTHORIZATION: &str = "authorization";
const SCHEME: &[u8] = b"bearer";

/// The places a token may be in.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) header: FieldName,
    pub(crate) cookie: Option<String>,
    pub(crate) query: Option<String>,
}

impl Places {
    pub(crate) fn look(&self, request: &Request) -> Credential {
        let in_header = self.in_header(request);
        let in_cookies = self.cookie.as_ref().map(|name| cookies(request, name)).unwrap_or_default();
        let in_query = self.query.as_ref().map(|name| request.query_values(name)).unwrap_or_default();
        in_cookies.into_iter().chain(in_query).fold(in_header, Credential::and)
    }

    /// Another scheme than `Bearer` is another credential, and so no token.
    fn in_header(&self, request: &Request) -> Credential {
        match request.sole_header(self.header.as_str()) {
            Ok(value) if self.header.as_str() == AUTHORIZATION => {
                behind_scheme(&value).map_or(Credential::Missing, Credential::One)
            }
            field => Credential::from(field),
        }
    }
}

fn behind_scheme(field: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = field.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && rest.first() == Some(&b' ');
    is_bearer.then(|| rest.trim_ascii().to_vec())
}

/// The values of a cookie (RFC 6265 section 4.2.1), in however many fields they come.
fn cookies(request: &Request, name: &str) -> Vec<Vec<u8>> {
    let fields = request.header_values("cookie");
    let pairs = fields.iter().flat_map(|field| field.split(|byte| *byte == b';'));
    let named = pairs.filter_map(|pair| pair.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    named.map(|value| value.trim_ascii_end().to_vec()).collect()
}
