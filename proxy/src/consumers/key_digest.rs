//! What API keys are compared by.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// SHA-256 of an API key, which takes the same time to compare with every other.
///
/// How long a search takes tells nothing about a key, for three reasons, and each would do. What is compared is a digest:
/// guesses that share a beginning with a key share nothing with its digest. A comparison looks at all 32 octets, wherever
/// two differ. And which entry of the table a digest is compared with is told by a hash with a secret of this process
/// (`HashMap`'s), so that nobody can choose a guess that meets a certain key there.
#[derive(Clone, Copy)]
pub(super) struct KeyDigest([u8; 32]);

impl KeyDigest {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    pub(super) fn kept(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl std::hash::Hash for KeyDigest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyDigest")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hash, Hasher};
    use std::sync::Arc;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::consumers::{Consumer, Consumers, Credentials};

    const KEY: &[u8] = b"warehouse-demo-key-0123456789abcdef";

    /// What a hash is made of.
    #[derive(Default)]
    struct Hashed(Vec<u8>);

    impl Hasher for Hashed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    fn differing_bits(a: KeyDigest, b: KeyDigest) -> u32 {
        a.0.iter().zip(b.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    fn alice(digest: [u8; 32]) -> Consumers {
        let credentials = Credentials { api_key_hashes: vec![digest], ..Credentials::default() };
        Consumers::new([(Consumer::new("alice".into(), Vec::new()), credentials)])
    }

    /// The strings of a guess never meet those of a key: here only digests stand, in a table whose hash has a secret.
    #[test]
    fn keys_are_found_by_their_digests_alone() {
        let consumers = alice(KeyDigest::of(KEY).0);
        let table: &HashMap<KeyDigest, Arc<Consumer>, RandomState> = &consumers.by_key_digest;
        assert_eq!(table.len(), 1);
        assert!(consumers.by_api_key(KEY).is_some());
        assert!(consumers.by_api_key(&KeyDigest::of(KEY).0).is_none(), "who knows the digest does not have the key");
    }

    proptest! {
        /// Two digests of 256 bits differ in 128, give or take 8; 48 are six times as many.
        #[test]
        fn a_guess_that_begins_like_a_key_is_as_far_off_as_any_other(
            key in vec(any::<u8>(), 1..100), shared in any::<Index>(), rest in vec(any::<u8>(), 0..100)
        ) {
            let guess = [&key[..shared.index(key.len())], &rest].concat();
            prop_assume!(guess != key);
            let (right, wrong) = (KeyDigest::of(&key), KeyDigest::of(&guess));
            prop_assert!((80..=176).contains(&differing_bits(right, wrong)));
            prop_assert!(alice(right.0).by_api_key(&guess).is_none());
        }

        /// As much work for every key, and as much for every guess; and nobody outside can tell where it ends.
        #[test]
        fn where_a_key_stands_is_told_by_its_whole_digest_and_a_secret(key in vec(any::<u8>(), 0..100)) {
            let digest = KeyDigest::of(&key);
            let mut hashed = Hashed::default();
            digest.hash(&mut hashed);
            prop_assert_eq!(hashed.0.strip_prefix(&digest.0.len().to_ne_bytes()), Some(&digest.0[..]));
            let [one, other] = [alice(digest.0), alice(digest.0)].map(|consumers| consumers.by_key_digest);
            prop_assert_ne!(one.hasher().hash_one(digest), other.hasher().hash_one(digest));
        }
    }

    #[test]
    fn every_bit_of_a_digest_counts() {
        for bit in 0..256 {
            let mut digest = KeyDigest::of(KEY).0;
            digest[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(KeyDigest::kept(digest), KeyDigest::of(KEY), "bit {bit}");
            assert!(alice(digest).by_api_key(KEY).is_none(), "bit {bit}");
        }
    }

    /// Nothing in the types keeps a derive from coming back, so the source is held to it.
    #[test]
    fn digests_are_compared_in_constant_time() {
        let source = include_str!("key_digest.rs");
        let (of_type, _) = source.split_once("#[cfg(test)]").unwrap();
        assert!(of_type.contains("self.0.ct_eq(&other.0).into()"));
        assert!(!of_type.contains("derive(Clone, Copy, PartialEq"));
        assert_eq!(of_type.matches("==").count(), 0);
    }
}
