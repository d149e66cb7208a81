//! Admits requests by signed token (RFC 7519, RFC 6750).
//!
//! The gateway checks the signature; what the token says is checked here. See the README for what an operator configures;
//! [`config`] holds the keys.

mod bearer;
mod claims;
pub mod config;
mod refusal;

use std::time::Duration;

use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::keysets::{self, InvalidToken, TokenError};
use tidegate_plugin_sdk::{Credential, Decision, Forward, Policy, Problem, Request, RequestPolicy, export};

use bearer::Places;
use claims::{Claims, Malformed};
use config::{By, Config};
use refusal::Refusal;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct Jwt {
    places: Places,
    challenge: String,
    scopes: String,
    config: Config,
}

impl Policy for Jwt {
    type Config = Config;

    fn configure(mut config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self {
            places: Places { header: config.header.clone(), cookie: config.cookie.take(), query: config.query.take() },
            challenge: format!("Bearer realm=\"{}\"", config.realm),
            scopes: config.scopes.join(" "),
            config,
        })
    }
}

impl RequestPolicy for Jwt {
    fn on_request(&self, request: &Request) -> Decision {
        match self.check(request) {
            Ok((claims, consumer)) => self.admit(&claims, consumer).into(),
            Err(refusal) => refusal.answer(&self.challenge, &self.scopes).into(),
        }
    }
}

impl Jwt {
    fn check(&self, request: &Request) -> Result<(Claims, Option<ConsumerId>), Refusal> {
        let token = match self.places.look(request) {
            Credential::One(token) => token,
            Credential::Missing => return Err(Refusal::Missing),
            Credential::Several => return Err(Refusal::Several),
        };
        // Not by the clock: what the gateway knows the end of, it need not ask again.
        let leeway = Duration::from_secs(self.config.leeway);
        let payload = keysets::verify_current(&self.config.keyset, &token, leeway)?;
        let claims = Claims::parse(&payload).ok_or(Refusal::Malformed)?;
        let issuer = self.check_origin(&claims)?;
        self.check_content(&claims)?;
        let consumer = self.consumer(issuer, &claims)?;
        Ok((claims, consumer))
    }

    /// From whom it is, and for whom; returns the former.
    fn check_origin<'c>(&self, claims: &'c Claims) -> Result<&'c str, Refusal> {
        let Config { issuer: issuers, audience: audiences, .. } = &self.config;
        let issuer = claims.text("iss").filter(|issuer| issuers.iter().any(|known| known == issuer));
        let is_meant = match claims.audience()? {
            None => audiences.is_empty(),
            Some(named) => named.iter().any(|name| audiences.iter().any(|own| own == name)),
        };
        let issuer = issuer.ok_or(Refusal::Issuer)?;
        if is_meant { Ok(issuer) } else { Err(Refusal::Audience) }
    }

    fn check_content(&self, claims: &Claims) -> Result<(), Refusal> {
        let Config { required, claims: wanted, scopes, .. } = &self.config;
        let is_there = required.iter().all(|name| claims.get(name).is_some());
        let is_right = wanted.iter().all(|(name, values)| values.iter().any(|value| claims.says(name, value)));
        if !is_there || !is_right {
            return Err(Refusal::Claim);
        }
        if scopes.iter().all(|scope| claims.has_scope(scope)) { Ok(()) } else { Err(Refusal::Scope) }
    }

    fn consumer(&self, issuer: &str, claims: &Claims) -> Result<Option<ConsumerId>, Refusal> {
        let claim = || claims.text(&self.config.consumer_claim).ok_or(Refusal::Claim);
        let found = match self.config.consumer {
            By::None => return Ok(None),
            By::Subject => consumers::find_by_subject(issuer, claim()?),
            By::Name => consumers::find_by_name(claim()?),
        };
        found.map(Some).ok_or(Refusal::Stranger)
    }

    /// Fields that claims make are the gateway's to say: what the client sent under their names goes.
    fn admit(&self, claims: &Claims, consumer: Option<ConsumerId>) -> Forward {
        let mut forward = consumer.into_iter().fold(Decision::forward(), Forward::identify);
        if self.config.hide {
            forward = forward.remove_request_header(&self.config.header);
        }
        for (field, claim) in &self.config.headers {
            forward = match claims.as_field(claim) {
                Some(value) => forward.set_request_header(field.as_str(), value),
                None => forward.remove_request_header(field.as_str()),
            };
        }
        forward
    }
}

impl From<InvalidToken> for Refusal {
    fn from(error: InvalidToken) -> Self {
        match error {
            InvalidToken::Untrusted(TokenError::UnknownKeyset | TokenError::Unavailable) => Self::Unavailable,
            InvalidToken::Untrusted(
                TokenError::Malformed | TokenError::Algorithm | TokenError::UnknownKey | TokenError::Signature,
            ) => Self::Signature,
            InvalidToken::MalformedClaims => Self::Malformed,
            InvalidToken::Endless => Self::Claim,
            InvalidToken::Expired => Self::Expired,
            InvalidToken::NotYet => Self::NotYet,
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

export!(Jwt: request);

#[cfg(test)]
mod tests;
