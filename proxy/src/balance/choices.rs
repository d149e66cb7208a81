//! Who may be picked for one try of one request.

use crate::config::model::EndpointAddress;
use crate::upstream::member::Member;

/// The members of one tier that a try may go to.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'m> {
    /// All members of the upstream.
    pub members: &'m [Member],
    /// Where earlier tries of the request went.
    pub tried: &'m [EndpointAddress],
    /// The tier that is chosen from.
    pub tier: u8,
}

impl<'m> Choices<'m> {
    /// Whether this member may be picked.
    #[must_use]
    pub fn admits(&self, member: &Member) -> bool {
        member.tier == self.tier && member.is_eligible() && !self.tried.contains(&member.endpoint.address)
    }

    /// The member at this index, where it may be picked.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<&'m Member> {
        self.members.get(index as usize).filter(|member| self.admits(member))
    }

    /// The first that may be picked among these indices, from the one at `start` on and round to it again.
    ///
    /// For when chance or a hash has found nobody, which takes nearly all members to be away: it looks at each.
    #[must_use]
    pub fn first_from(&self, start: usize, among: &[u32]) -> Option<usize> {
        let (before, from) = among.split_at_checked(start)?;
        let mut in_order = from.iter().chain(before);
        in_order.find(|index| self.at(**index).is_some()).map(|index| *index as usize)
    }
}

/// The indices of the members that take requests at all, by tier.
#[must_use]
pub fn by_tier(members: &[Member]) -> Vec<Vec<u32>> {
    let mut tiers = vec![Vec::new(); tier_count(members)];
    for (member, index) in members.iter().zip(0..).filter(|(member, _)| member.takes_requests()) {
        if let Some(tier) = tiers.get_mut(usize::from(member.tier)) {
            tier.push(index);
        }
    }
    tiers
}

/// How many tiers these members stand in, at least one.
#[must_use]
pub fn tier_count(members: &[Member]) -> usize {
    members.iter().map(|member| usize::from(member.tier) + 1).max().unwrap_or(1)
}
