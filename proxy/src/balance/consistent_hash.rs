//! The same key, the same endpoint, for as long as it is there: hash tables that little changes in when endpoints do.
//!
//! A tier's table says who owns each of its slots, and a request's key says which slot is its. Where the owner may not be
//! picked, the key is hashed on to another slot: always to the same one, and the keys of one endpoint to all others, so
//! that its neighbour in the table does not get twice the load. The table stays as it is while endpoints come and go
//! by their health; it is built anew when members or weights change.
//!
//! *Bounded load* (Mirrokni, Thorup and Zadimoghaddam): an owner that has more requests under way than `load_factor`
//! times its share of all that are is passed over like one that is away.

mod key;
mod maglev;
mod point_ring;

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::choices::{Choices, by_tier};
use super::tiers::Tiers;
use crate::config::model::{self, HashTable, LoadFactor, MissingKey};
use crate::policy::view::RequestView;
use crate::upstream::endpoint::Tally;
use crate::upstream::member::Member;
use key::key_of;

/// So many slots are asked before all members are looked at. With a third of the weight eligible that happens once in
/// 10^11 picks.
const PROBES: usize = 64;

/// Chooses by a key of the request.
#[derive(Debug)]
pub struct ConsistentHash {
    spec: model::ConsistentHash,
    tiers: Box<[Tier]>,
}

/// The table of one tier.
#[derive(Debug)]
struct Tier {
    indices: Box<[u32]>,
    slots: Slots,
    /// Requests under way to the tier.
    tally: Arc<Tally>,
}

/// Who owns each slot, as an index among the upstream's members; empty where there is nobody.
#[derive(Debug)]
struct Slots(Box<[u32]>);

/// What a table needs of a member.
#[derive(Clone, Copy, Debug)]
struct Owner {
    index: u32,
    weight: u32,
    /// Of its address: the same in every gateway and after every start.
    hash: u64,
}

impl ConsistentHash {
    /// Tables over these members. `previous` tells what is under way already.
    #[must_use]
    pub fn new(spec: &model::ConsistentHash, members: &[Member], previous: Option<&Self>) -> Self {
        let tally =
            |tier: usize| previous.and_then(|previous| previous.tiers.get(tier)).map(|tier| Arc::clone(&tier.tally));
        let tier = |(tier, indices): (usize, Vec<u32>)| Tier {
            slots: Slots::build(spec, members, &indices),
            tally: tally(tier).unwrap_or_default(),
            indices: indices.into(),
        };
        Self { tiers: by_tier(members).into_iter().enumerate().map(tier).collect(), spec: spec.clone() }
    }

    /// Where requests to this tier are counted, where anything is made of their number.
    #[must_use]
    pub fn tally(&self, tier: u8) -> Option<&Arc<Tally>> {
        self.spec.load_factor?;
        self.tiers.get(usize::from(tier)).map(|tier| &tier.tally)
    }

    /// The hash of the request's key, or of what stands in for it; `None` where requests without it take turns.
    #[must_use]
    pub fn key(&self, request: &dyn RequestView) -> Option<u64> {
        key_of(&self.spec.key, request).or_else(|| match self.spec.missing {
            MissingKey::ClientAddress => key_of(&model::HashKey::ClientAddress, request),
            MissingKey::RoundRobin => None,
        })
    }

    /// Index of the member that the key belongs to, or of the one that stands in for it.
    #[must_use]
    pub fn next(&self, key: u64, choices: &Choices<'_>, standing: &Tiers) -> Option<usize> {
        let tier = self.tiers.get(usize::from(choices.tier))?;
        let bound = self.spec.load_factor.map(|factor| Bound {
            allowed: u64::from(factor.hundredths()) * (u64::from(tier.tally.in_flight()) + 1),
            weight: standing.eligible_weight(choices.tier, choices.members) * u64::from(LoadFactor::ONE),
        });
        let mut hash = key;
        let mut overloaded = None;
        for _ in 0..PROBES {
            let index = tier.slots.owner(hash)?;
            if let Some(member) = choices.at(index) {
                if bound.is_none_or(|bound| bound.has_room(member)) {
                    return Some(index as usize);
                }
                overloaded.get_or_insert(index as usize);
            }
            hash = mixed(hash);
        }
        overloaded.or_else(|| choices.first_from(scaled(mixed(hash), tier.indices.len()), &tier.indices))
    }
}

/// How much each unit of weight may have under way: `allowed / weight`.
#[derive(Clone, Copy, Debug)]
struct Bound {
    allowed: u64,
    weight: u64,
}

impl Bound {
    /// Whether one more would be no more than its share allows, rounded up.
    fn has_room(self, member: &Member) -> bool {
        u64::from(member.endpoint.in_flight()) * self.weight < self.allowed * u64::from(member.weight)
    }
}

impl Slots {
    fn build(spec: &model::ConsistentHash, members: &[Member], indices: &[u32]) -> Self {
        let owner = |index: &u32| {
            let member = members.get(*index as usize)?;
            let hash = hash_of(member.endpoint.label.as_bytes());
            Some(Owner { index: *index, weight: member.weight, hash })
        };
        let owners: Vec<Owner> = indices.iter().filter_map(owner).collect();
        let slots = spec.slots as usize;
        Self(match spec.table {
            HashTable::Ring => point_ring::build(&owners, slots),
            HashTable::Maglev => maglev::build(&owners, slots),
        })
    }

    fn owner(&self, hash: u64) -> Option<u32> {
        self.0.get(scaled(hash, self.0.len())).copied()
    }
}

/// A hash that is the same in every gateway and after every start.
fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Another hash for a hash (the finaliser of SplitMix64).
fn mixed(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The hash as a place among so many: the upper half of the product.
fn scaled(hash: u64, places: usize) -> usize {
    ((u128::from(hash) * places as u128) >> 64) as usize
}

#[cfg(test)]
impl ConsistentHash {
    /// The share of the first tier's slots that each member owns.
    pub(super) fn shares_of_slots(&self) -> Vec<f64> {
        let slots = &self.tiers[0].slots.0;
        let owned = |index: &u32| slots.iter().filter(|owner| *owner == index).count() as f64;
        self.tiers[0].indices.iter().map(|index| owned(index) / slots.len() as f64).collect()
    }
}
