//! Whether an endpoint takes new requests, in one word that a pick reads with one load.

use std::sync::atomic::{AtomicU32, Ordering};

/// Active checks hold it for unusable.
const UNHEALTHY: u32 = 1;
/// Taken out because of what its traffic showed.
const EJECTED: u32 = 1 << 1;
/// Its next request is a trial; whoever sends that makes it `TRIED`.
const TRIAL: u32 = 1 << 2;
/// The trial is under way, and nothing has come of it yet.
const TRIED: u32 = 1 << 3;
/// Nobody looks at it until it says that something happened.
const UNOBSERVED: u32 = 1 << 4;
/// Above this: how much of the share is missing, in thousandths.
const MISSING: u32 = 16;

/// A whole share, in thousandths.
pub(super) const WHOLE: u32 = 1000;

/// Verdicts of active checks and of traffic, and the share while an endpoint warms up. 0 is an endpoint all is well with, and
/// that is looked at.
#[derive(Debug, Default)]
pub(super) struct Standing(AtomicU32);

impl Standing {
    /// Whether nothing speaks against it, nor is any of its share missing.
    pub(super) fn is_well(&self) -> bool {
        self.0.load(Ordering::Relaxed) & !UNOBSERVED == 0
    }

    pub(super) fn is_unobserved(&self) -> bool {
        self.0.load(Ordering::Relaxed) & UNOBSERVED != 0
    }

    pub(super) fn set_unobserved(&self, unobserved: bool) {
        self.set(UNOBSERVED, unobserved);
    }

    /// Whether a new request may go there.
    pub(super) fn is_open(&self) -> bool {
        is_open(self.0.load(Ordering::Relaxed))
    }

    /// Whether this new request may go there: all may but to one that warms up, which takes its share of them, drawn by
    /// lot. So every balancer keeps the share without knowing of it.
    pub(super) fn takes_request(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word == 0 || is_open(word) && (word >> MISSING == 0 || fastrand::u32(..WHOLE) >= word >> MISSING)
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.0.load(Ordering::Relaxed) & UNHEALTHY == 0
    }

    /// Whether traffic showed it to be failing, and no trial has shown otherwise.
    pub(super) fn is_ejected(&self) -> bool {
        self.0.load(Ordering::Relaxed) & EJECTED != 0
    }

    /// Whether nothing is expected of it now, not even the outcome of a trial.
    pub(super) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) & (EJECTED | TRIAL | TRIED) == EJECTED
    }

    pub(super) fn awaits_trial(&self) -> bool {
        self.0.load(Ordering::Relaxed) & TRIAL != 0
    }

    /// Sets the verdict of active checks; whether it changed.
    pub(super) fn set_healthy(&self, healthy: bool) -> bool {
        let before = self.set(UNHEALTHY, !healthy);
        (before & UNHEALTHY == 0) != healthy
    }

    pub(super) fn eject(&self) {
        self.set(TRIAL | TRIED, false);
        self.set(EJECTED, true);
    }

    pub(super) fn let_try(&self) {
        self.set(TRIAL, true);
    }

    pub(super) fn readmit(&self) {
        self.set(EJECTED | TRIAL | TRIED, false);
    }

    /// A request goes there: where that is the trial, no other follows it.
    pub(super) fn enter(&self) {
        if self.awaits_trial() {
            self.set(TRIED, true);
            self.set(TRIAL, false);
        }
    }

    /// A request never got there: if it was the trial, the next one is.
    pub(super) fn retract(&self) {
        if self.0.load(Ordering::Relaxed) & TRIED != 0 {
            self.set(TRIAL, true);
            self.set(TRIED, false);
        }
    }

    /// The part of its share that it takes, in thousandths.
    pub(super) fn share(&self) -> u32 {
        WHOLE - (self.0.load(Ordering::Relaxed) >> MISSING)
    }

    pub(super) fn set_share(&self, share: u32) {
        let missing = WHOLE.saturating_sub(share.max(1)) << MISSING;
        let below = (1 << MISSING) - 1;
        self.0.update(Ordering::Relaxed, Ordering::Relaxed, |word| word & below | missing);
    }

    fn set(&self, mark: u32, on: bool) -> u32 {
        if on { self.0.fetch_or(mark, Ordering::Relaxed) } else { self.0.fetch_and(!mark, Ordering::Relaxed) }
    }
}

fn is_open(word: u32) -> bool {
    word & UNHEALTHY == 0 && word & (EJECTED | TRIAL) != EJECTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_endpoint_that_is_not_ejected_is_open() {
        let standing = Standing::default();
        assert!(standing.is_open());
        assert!(standing.set_healthy(false) && !standing.set_healthy(false));
        assert!(!standing.is_open() && !standing.is_healthy());
        assert!(standing.set_healthy(true));
        standing.eject();
        assert!(!standing.is_open() && standing.is_healthy() && standing.is_ejected());
        standing.readmit();
        assert!(standing.is_open());
    }

    #[test]
    fn a_trial_is_one_request() {
        let standing = Standing::default();
        standing.eject();
        standing.let_try();
        assert!(standing.is_open() && standing.awaits_trial() && standing.is_ejected());
        standing.enter();
        assert!(!standing.is_open() && standing.is_ejected());
    }

    #[test]
    fn a_trial_under_way_is_waited_for_and_one_that_never_left_is_made_again() {
        let standing = Standing::default();
        standing.eject();
        assert!(standing.is_given_up());
        standing.let_try();
        standing.enter();
        assert!(!standing.is_given_up() && !standing.awaits_trial());
        standing.retract();
        assert!(standing.is_open() && standing.awaits_trial());
        standing.enter();
        standing.eject();
        standing.retract();
        assert!(standing.is_given_up() && !standing.is_open());
    }

    #[test]
    fn an_unhealthy_endpoint_gets_no_trial() {
        let standing = Standing::default();
        standing.set_healthy(false);
        standing.eject();
        standing.let_try();
        assert!(!standing.is_open());
    }

    #[test]
    fn the_share_is_apart_from_the_verdicts() {
        let standing = Standing::default();
        assert_eq!(standing.share(), WHOLE);
        standing.eject();
        standing.set_share(100);
        assert!(standing.share() == 100 && standing.is_ejected());
        standing.readmit();
        assert_eq!(standing.share(), 100);
        standing.set_share(0);
        assert_eq!(standing.share(), 1, "a share of nothing would never be found out about");
        standing.set_share(WHOLE + 1);
        assert!(standing.share() == WHOLE && standing.is_open());
    }

    #[test]
    fn one_that_warms_up_takes_its_share_of_requests() {
        let standing = Standing::default();
        standing.set_share(200);
        let taken = (0..10_000).filter(|_| standing.takes_request()).count();
        assert!((1500..2500).contains(&taken), "{taken}");
        standing.eject();
        assert!((0..1000).all(|_| !standing.takes_request()));
    }
}
