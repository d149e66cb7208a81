//! A cookie that brings a client back to the endpoint it was at.
//!
//! Its value is a keyed hash of the endpoint's address: it tells nobody what stands behind the gateway, and who does not
//! know the key can name no endpoint. It is looked up, not taken apart, so there is nothing to forge into.

use std::fmt::Write;
use std::hash::Hasher;

use ahash::HashMap;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::cookie;
use crate::config::model::EndpointAddress;
use crate::config::model::{self, SameSite};
use crate::policy::view::RequestView;
use crate::upstream::member::Member;

/// What the values of cookies are keyed with where the configuration has no secret.
#[derive(Debug)]
pub struct StickyKey([u8; 16]);

impl Default for StickyKey {
    /// One that nobody knows: cookies mean nothing any more after the next start, nor to another gateway.
    fn default() -> Self {
        Self(rand::random())
    }
}

impl StickyKey {
    /// The key for a secret that several gateways, or one after the other, have in common.
    fn of(secret: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(key)
    }

    fn value_for(&self, member: &Member) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(member.endpoint.upstream.as_bytes());
        hasher.write(b"\0");
        hasher.write(member.endpoint.label.as_bytes());
        hasher.finish128().as_u128()
    }
}

/// The cookies of one upstream.
#[derive(Debug)]
pub struct Sticky {
    spec: model::Sticky,
    /// The value for each member.
    values: Box<[u128]>,
    indices: HashMap<u128, usize>,
}

impl Sticky {
    /// Cookies for these members.
    #[must_use]
    pub fn new(spec: &model::Sticky, key: &StickyKey, members: &[Member]) -> Self {
        let own = spec.secret.as_ref().map(|secret| StickyKey::of(secret.bytes()));
        let key = own.as_ref().unwrap_or(key);
        let values: Box<[u128]> = members.iter().map(|member| key.value_for(member)).collect();
        let indices = values.iter().zip(0..).map(|(value, index)| (*value, index)).collect();
        Self { spec: spec.clone(), values, indices }
    }

    /// Index of the member that the request's cookie names, where it may be asked.
    #[must_use]
    pub fn remembered(
        &self,
        request: &dyn RequestView,
        members: &[Member],
        tried: &[EndpointAddress],
    ) -> Option<usize> {
        let index = cookie::value(request, &self.spec.cookie, |value| self.indices.get(&parsed(value)?).copied())?;
        let member = members.get(index)?;
        (member.is_open() && member.has_room() && !tried.contains(&member.endpoint.address)).then_some(index)
    }

    /// The field that brings a client back to this member; `Secure` where it came by TLS.
    #[must_use]
    pub fn set_cookie(&self, index: usize, is_https: bool) -> Option<HeaderValue> {
        let name = &self.spec.cookie;
        let mut field = format!("{name}={:032x}; Path=/; HttpOnly", self.values.get(index)?);
        field.push_str(match self.spec.same_site {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::Strict => "; SameSite=Strict",
            SameSite::None => "; SameSite=None",
        });
        if is_https {
            field.push_str("; Secure");
        }
        if let Some(age) = self.spec.max_age {
            // Writing to a text cannot fail.
            let _ = write!(field, "; Max-Age={}", age.as_secs());
        }
        HeaderValue::from_maybe_shared(field).ok()
    }
}

/// 32 hexadecimal digits.
fn parsed(value: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() == 32)?;
    u128::from_str_radix(text, 16).ok()
}
