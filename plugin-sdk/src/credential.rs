//! What a request proves to be somebody's with, wherever it may stand.

use crate::Ambiguity;

/// What a client handed over, from all the places where it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Missing,
    /// This, in one place or several.
    One(Vec<u8>),
    /// Two different ones: whoever checks the first and whoever acts on the last would disagree on who is calling.
    Several,
}

impl Credential {
    /// With what stood in a further place.
    #[must_use]
    pub fn and(self, further: Vec<u8>) -> Self {
        match self {
            Self::Missing => Self::One(further),
            Self::One(first) if first == further => Self::One(first),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}

impl From<Result<Vec<u8>, Ambiguity>> for Credential {
    /// What [`Request::sole_header`](crate::Request::sole_header) gave.
    fn from(field: Result<Vec<u8>, Ambiguity>) -> Self {
        match field {
            Ok(value) => Self::One(value),
            Err(Ambiguity::Missing) => Self::Missing,
            Err(Ambiguity::Repeated) => Self::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_twice_is_one_and_two_different_ones_stay_several() {
        let one = || Credential::Missing.and(b"a".to_vec());
        assert_eq!(one().and(b"a".to_vec()), Credential::One(b"a".to_vec()));
        assert_eq!(one().and(b"b".to_vec()).and(b"b".to_vec()), Credential::Several);
    }

    #[test]
    fn a_field_that_is_repeated_is_several() {
        assert_eq!(Credential::from(Err(Ambiguity::Repeated)), Credential::Several);
        assert_eq!(Credential::from(Err(Ambiguity::Missing)), Credential::Missing);
        assert_eq!(Credential::from(Ok(b"a".to_vec())), Credential::One(b"a".to_vec()));
    }
}
