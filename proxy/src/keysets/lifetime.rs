//! When a token counts: from `nbf` until `exp` (RFC 7519 sections 4.1.4 and 4.1.5).

use std::time::Duration;

use serde::Deserialize;

use super::token::{given, record};
use super::{InvalidToken, TokenError};

/// Clocks may differ by so much, whatever a policy asks for.
const MOST_LEEWAY: Duration = Duration::from_secs(60);

/// Moments since 1970 that a token counts between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    from: Duration,
    until: Duration,
}

/// What of a payload is looked at, in seconds since 1970, with or without a fraction (`NumericDate`). A member given twice is
/// refused, and so is `null`.
#[derive(Deserialize)]
struct Claims {
    #[serde(default, deserialize_with = "given")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    nbf: Option<f64>,
}

impl Lifetime {
    /// Of a token that nobody asked when it ends.
    pub(super) const UNASKED: Self = Self { from: Duration::ZERO, until: Duration::MAX };

    /// Reads it from a payload; `leeway` longer on both sides.
    pub(super) fn read(payload: &[u8], leeway: Duration) -> Result<Self, InvalidToken> {
        let Claims { exp, nbf } = record(payload).ok_or(InvalidToken::MalformedClaims)?;
        let leeway = leeway.min(MOST_LEEWAY).as_secs_f64();
        Ok(Self {
            from: since_1970(nbf.unwrap_or(0.0) - leeway),
            until: since_1970(exp.ok_or(InvalidToken::Endless)? + leeway),
        })
    }

    /// Whether the token counts at this moment.
    pub(super) fn check(self, now: Duration) -> Result<(), InvalidToken> {
        match self {
            Self { until, .. } if now >= until => Err(InvalidToken::Expired),
            Self { from, .. } if now < from => Err(InvalidToken::NotYet),
            _ => Ok(()),
        }
    }
}

impl From<TokenError> for InvalidToken {
    fn from(error: TokenError) -> Self {
        Self::Untrusted(error)
    }
}

/// What lies before is the beginning, what lies beyond all reckoning the end.
fn since_1970(seconds: f64) -> Duration {
    if seconds > 0.0 { Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(payload: &str, leeway: u64, now: f64) -> Result<(), InvalidToken> {
        Lifetime::read(payload.as_bytes(), Duration::from_secs(leeway))?.check(Duration::from_secs_f64(now))
    }

    #[test]
    fn a_token_counts_from_nbf_to_exp_and_the_leeway_longer() {
        let payload = r#"{"nbf":1000,"exp":2000.5}"#;
        for (leeway, now, expected) in [
            (0, 999.9, Err(InvalidToken::NotYet)),
            (0, 1000.0, Ok(())),
            (0, 2000.4, Ok(())),
            (0, 2000.5, Err(InvalidToken::Expired)),
            (10, 989.9, Err(InvalidToken::NotYet)),
            (10, 990.0, Ok(())),
            (10, 2010.4, Ok(())),
            (10, 2010.5, Err(InvalidToken::Expired)),
            (600, 2060.4, Ok(())),
            (600, 2060.5, Err(InvalidToken::Expired)),
        ] {
            assert_eq!(at(payload, leeway, now), expected, "{leeway} {now}");
        }
    }

    #[test]
    fn moments_beyond_all_reckoning_are_the_beginning_and_the_end() {
        assert_eq!(at(r#"{"exp":1e300,"nbf":-1e300}"#, 0, 5.0), Ok(()));
        assert_eq!(at(r#"{"exp":-1e300}"#, 60, 5.0), Err(InvalidToken::Expired));
        assert_eq!(at(r#"{"exp":1e300,"nbf":1e299}"#, 60, 5.0), Err(InvalidToken::NotYet));
    }

    #[test]
    fn every_token_has_to_end() {
        assert_eq!(at(r#"{"nbf":1,"sub":"alice"}"#, 0, 5.0), Err(InvalidToken::Endless));
    }

    #[test]
    fn claims_that_could_be_read_in_two_ways_are_not_read() {
        for payload in [
            "",
            "1",
            "[]",
            "[2000,1]",
            "\"exp\"",
            "{\"exp\":2000",
            r#"{"exp":2000,"exp":2000}"#,
            r#"{"exp":"2000"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":2000,"nbf":null}"#,
            r#"{"exp":2000,"nbf":true}"#,
            r#"{"exp":1e400}"#,
            r#"{"exp":2000,"\u0065xp":1}"#,
            r#"{"exp":2000} {}"#,
        ] {
            assert_eq!(at(payload, 0, 5.0), Err(InvalidToken::MalformedClaims), "{payload}");
        }
        assert_eq!(
            Lifetime::read(b"{\"exp\":2000,\"a\":\"\xff\"}", Duration::ZERO),
            Err(InvalidToken::MalformedClaims)
        );
    }
}
