//! The parts of a request that a signature covers (RFC 9421 section 2).

use tidegate_plugin_sdk::{FieldName, Request};

/// A part of a request that a signature may cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Method,
    Authority,
    Scheme,
    Path,
    Query,
    RequestTarget,
    TargetUri,
    Field(String),
}

impl Component {
    /// `None` where there is no such part, or it cannot be covered.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "@method" => Self::Method,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@path" => Self::Path,
            "@query" => Self::Query,
            "@request-target" => Self::RequestTarget,
            "@target-uri" => Self::TargetUri,
            "host" => Self::Field("host".to_owned()),
            // A signature of itself says nothing.
            "signature" | "signature-input" => return None,
            field => {
                let is_lower_case = FieldName::new(field).is_ok_and(|known| known.as_str() == field);
                return is_lower_case.then(|| Self::Field(field.to_owned()));
            }
        })
    }

    /// As it stands in a signature's list.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Method => "@method",
            Self::Authority => "@authority",
            Self::Scheme => "@scheme",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::RequestTarget => "@request-target",
            Self::TargetUri => "@target-uri",
            Self::Field(name) => name,
        }
    }

    /// What this request has there; `None` for a field that is not there.
    pub(crate) fn value(&self, request: &Request) -> Option<Vec<u8>> {
        Some(match self {
            Self::Method => request.method().into_bytes(),
            Self::Authority => authority(request).into_bytes(),
            Self::Scheme => request.scheme().into_bytes(),
            Self::Path => request.path().into_bytes(),
            Self::Query => format!("?{}", request.query().unwrap_or_default()).into_bytes(),
            Self::RequestTarget => target(request).into_bytes(),
            Self::TargetUri => format!("{}://{}{}", request.scheme(), authority(request), target(request)).into_bytes(),
            Self::Field(name) => field(request, name)?,
        })
    }
}

/// In lower case, without the port that the scheme has anyway (RFC 9421 section 2.2.3).
fn authority(request: &Request) -> String {
    let authority = request.authority().to_ascii_lowercase();
    let default = if request.scheme() == "https" { ":443" } else { ":80" };
    authority.strip_suffix(default).map(str::to_owned).unwrap_or(authority)
}

fn target(request: &Request) -> String {
    match request.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path(),
    }
}

/// All values, without what stands around each, joined as RFC 9421 section 2.1 has it.
fn field(request: &Request, name: &str) -> Option<Vec<u8>> {
    let values = request.header_values(name);
    if values.is_empty() {
        return None;
    }
    let trimmed: Vec<&[u8]> = values.iter().map(|value| value.trim_ascii()).collect();
    Some(trimmed.join(&b", "[..]))
}
