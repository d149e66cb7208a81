//! Which name counts how, over all policies: a metric is of one kind, whoever writes it.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Kind;

/// Names in use, with their kinds.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<Box<str>, Claim>>);

#[derive(Debug)]
struct Claim {
    kind: Kind,
    /// How many policies use it.
    policies: usize,
}

impl Names {
    /// Whether this name is in use for this kind.
    pub(super) fn is(&self, name: &str, kind: Kind) -> bool {
        self.0.lock().get(name).is_some_and(|claim| claim.kind == kind)
    }

    /// Takes a name into use for one policy; `false` where it is in use for another kind.
    pub(super) fn claim(&self, name: &str, kind: Kind) -> bool {
        let mut names = self.0.lock();
        let claim = names.entry(name.into()).or_insert(Claim { kind, policies: 0 });
        let same = claim.kind == kind;
        claim.policies += usize::from(same);
        same
    }

    /// A policy that used the name is gone.
    pub(super) fn release(&self, name: &str) {
        let mut names = self.0.lock();
        let Some(claim) = names.get_mut(name) else { return };
        claim.policies = claim.policies.saturating_sub(1);
        if claim.policies == 0 {
            names.remove(name);
        }
    }
}
