//! What a browser asks before it sends a request (Fetch, "CORS-preflight request").

use tidegate_plugin_sdk::{Field, LocalResponse, Request};

use crate::config::{Config, is_any};

/// Fields that the answer depends on.
const VARY: &str = "origin, access-control-request-method, access-control-request-headers";

/// What a preflight may ask for.
#[derive(Debug)]
pub(crate) struct Preflight {
    methods: Allowed,
    /// In lower case.
    headers: Allowed,
    /// The fields of an answer that lets the request through, but the origin.
    answer: Vec<Field>,
}

#[derive(Debug)]
enum Allowed {
    All,
    Some(Vec<String>),
}

/// What a browser wants to send.
pub(crate) struct Asked {
    method: Vec<u8>,
    headers: Vec<Vec<u8>>,
}

impl Preflight {
    pub(crate) fn new(config: &Config) -> Self {
        let headers: Vec<_> = config.headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        let mut answer = vec![Field::new("access-control-allow-methods", config.methods.join(", "))];
        if !headers.is_empty() {
            answer.push(Field::new("access-control-allow-headers", headers.join(", ")));
        }
        if config.credentials {
            answer.push(Field::new("access-control-allow-credentials", "true"));
        }
        if let Some(age) = config.max_age {
            answer.push(Field::new("access-control-max-age", (age.milliseconds() / 1000).to_string()));
        }
        answer.push(Field::new("vary", VARY));
        Self { methods: Allowed::new(config.methods.clone()), headers: Allowed::new(headers), answer }
    }

    /// The answer to what is asked; `origin` is the value that names who may read, none where nobody may.
    pub(crate) fn answer(&self, asked: &Asked, origin: Option<&str>) -> LocalResponse {
        match origin.filter(|_| self.allows(asked)) {
            Some(origin) => {
                let mut answer = LocalResponse::new(204).header("access-control-allow-origin", origin);
                answer.headers.extend(self.answer.iter().cloned());
                answer
            }
            None => LocalResponse::new(403).header("vary", VARY),
        }
    }

    fn allows(&self, asked: &Asked) -> bool {
        let names = asked.headers.iter().flat_map(|value| value.split(|byte| *byte == b','));
        let names = names.map(|name| name.trim_ascii().to_ascii_lowercase());
        // Empty elements of a list mean nothing (RFC 9110 section 5.6.1).
        self.methods.has(&asked.method) && names.filter(|name| !name.is_empty()).all(|name| self.headers.has(&name))
    }
}

impl Allowed {
    fn new(list: Vec<String>) -> Self {
        if is_any(&list) { Self::All } else { Self::Some(list) }
    }

    fn has(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Some(list) => list.iter().any(|known| known.as_bytes() == name),
        }
    }
}

impl Asked {
    /// What a preflight asks for; `None` where the request is none. Two methods are one that nobody allows.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        if request.method() != "OPTIONS" {
            return None;
        }
        let method = match request.header_values("access-control-request-method").as_slice() {
            [] => return None,
            [method] => method.clone(),
            _ => Vec::new(),
        };
        Some(Self { method, headers: request.header_values("access-control-request-headers") })
    }
}
