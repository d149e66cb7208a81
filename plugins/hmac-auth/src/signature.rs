//! `Signature-Input` and `Signature` (RFC 9421 section 4): one signature, in the one form that is read the same by everybody.

mod cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidegate_plugin_sdk::Request;

use crate::component::Component;
use cursor::Cursor;

/// The one algorithm, where a signature names one.
const ALGORITHM: &str = "hmac-sha256";

/// A signature as the client sent it; nothing of it is believed yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) components: Vec<Component>,
    /// When it was made, in seconds since 1970.
    pub(crate) created: u64,
    /// When it ends, where it says so.
    pub(crate) expires: Option<u64>,
    pub(crate) key_id: String,
    pub(crate) hmac: Vec<u8>,
    /// Its list and parameters as they were written: they are signed as well.
    parameters: String,
}

/// What may stand behind the list of components.
#[derive(Debug, Default)]
struct Parameters {
    created: Option<u64>,
    expires: Option<u64>,
    key_id: Option<String>,
    seen: Vec<String>,
}

impl Signature {
    /// `None` where it is not one signature by `hmac-sha256`, with `created` and `keyid`.
    pub(crate) fn parse(input: &[u8], signature: &[u8]) -> Option<Self> {
        let (label, parameters) = std::str::from_utf8(input).ok()?.split_once('=')?;
        let (same_label, value) = std::str::from_utf8(signature).ok()?.split_once('=')?;
        if label != same_label || !is_key(label) {
            return None;
        }
        let hmac = STANDARD.decode(value.strip_prefix(':')?.strip_suffix(':')?).ok()?;
        let mut cursor = Cursor::new(parameters);
        let components = components(&mut cursor)?;
        let mut read = Parameters::default();
        while !cursor.is_at_end() {
            read.take(&mut cursor)?;
        }
        Some(Self {
            components,
            created: read.created?,
            expires: read.expires,
            key_id: read.key_id?,
            hmac,
            parameters: parameters.to_owned(),
        })
    }

    /// What was signed (RFC 9421 section 2.5); `None` where the request lacks what is said to be covered.
    pub(crate) fn base(&self, request: &Request) -> Option<Vec<u8>> {
        let mut base = Vec::new();
        for component in &self.components {
            base.extend_from_slice(format!("\"{}\": ", component.name()).as_bytes());
            base.extend(component.value(request)?);
            base.push(b'\n');
        }
        base.extend_from_slice(format!("\"@signature-params\": {}", self.parameters).as_bytes());
        Some(base)
    }

    pub(crate) fn covers(&self, component: &Component) -> bool {
        self.components.contains(component)
    }
}

/// A key of a dictionary (RFC 8941 section 3.1.2).
fn is_key(text: &str) -> bool {
    let rest =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*');
    text.starts_with(|first: char| first.is_ascii_lowercase() || first == '*') && text.bytes().all(rest)
}

/// `("@method" "@path")`, each once, none with parameters of its own.
fn components(cursor: &mut Cursor) -> Option<Vec<Component>> {
    let mut components = Vec::new();
    cursor.skip('(')?;
    while !cursor.skips(')') {
        if !components.is_empty() {
            cursor.skip(' ')?;
        }
        let component = Component::named(cursor.string()?)?;
        if components.contains(&component) {
            return None;
        }
        components.push(component);
    }
    Some(components)
}

impl Parameters {
    /// One parameter: `;created=1618884473`.
    fn take(&mut self, cursor: &mut Cursor) -> Option<()> {
        cursor.skip(';')?;
        let name = cursor.until('=')?;
        if self.seen.iter().any(|seen| seen == name) {
            return None;
        }
        match name {
            "created" => self.created = Some(cursor.integer()?),
            "expires" => self.expires = Some(cursor.integer()?),
            "keyid" => self.key_id = Some(cursor.string()?.to_owned()),
            "alg" => return (cursor.string()? == ALGORITHM).then(|| self.seen.push(name.to_owned())),
            // They make two signatures of one request differ, or say what it is for; signed they are all the same.
            "nonce" | "tag" => {
                cursor.string()?;
            }
            _ => return None,
        }
        self.seen.push(name.to_owned());
        Some(())
    }
}
