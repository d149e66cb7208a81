//! When answers in a row change the verdict.

use super::probe::Finding;
use crate::config::model::HealthCheck;

/// Answers since the verdict last changed, counted as Kong counts them.
///
/// A good answer forgets all bad ones, and any bad one forgets the good ones. Bad answers and failed connections are
/// counted apart, and neither forgets the other: an endpoint that alternates between the two is down. A threshold of 0
/// never changes anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    good: u32,
    bad: u32,
    unreachable: u32,
}

/// A verdict that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) healthy: bool,
    pub(super) cause: String,
}

impl Tally {
    /// Counts a finding on an endpoint held for `healthy`; the new verdict where it changes.
    pub(super) fn take(&mut self, check: &HealthCheck, healthy: bool, finding: &Finding) -> Option<Verdict> {
        let (count, threshold, what) = match finding {
            Finding::Good(_) | Finding::Connected | Finding::Serving => {
                (self.count_good(), check.successes, "good answer")
            }
            Finding::Bad(_)
            | Finding::OtherBody(_)
            | Finding::NotServing(_)
            | Finding::CallFailed(_)
            | Finding::Garbage(_) => (self.count_bad(), check.http_failures, "bad answer"),
            Finding::Unreachable(_) => (self.count_unreachable(), check.tcp_failures, "failed connection"),
        };
        let good = finding.is_good();
        if good == healthy || threshold == 0 || count < threshold {
            return None;
        }
        *self = Self::default();
        let cause = if count == 1 {
            format!("1 {what}: {finding}")
        } else {
            format!("{count} {what}s in a row, last: {finding}")
        };
        Some(Verdict { healthy: good, cause })
    }

    fn count_good(&mut self) -> u32 {
        *self = Self { good: self.good.saturating_add(1), ..Self::default() };
        self.good
    }

    fn count_bad(&mut self) -> u32 {
        *self = Self { good: 0, bad: self.bad.saturating_add(1), ..*self };
        self.bad
    }

    fn count_unreachable(&mut self) -> u32 {
        *self = Self { good: 0, unreachable: self.unreachable.saturating_add(1), ..*self };
        self.unreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::health::tests::check;
    use proptest::prelude::*;

    /// `+` good, `-` bad, `x` unreachable; returns the verdict after each, `^` healthy and `_` not.
    fn run(check: &HealthCheck, healthy: bool, findings: &str) -> String {
        let (mut tally, mut healthy) = (Tally::default(), healthy);
        let after = |symbol| {
            if let Some(verdict) = tally.take(check, healthy, &finding(symbol)) {
                assert_ne!(verdict.healthy, healthy, "a verdict is a change");
                healthy = verdict.healthy;
            }
            if healthy { '^' } else { '_' }
        };
        findings.chars().map(after).collect()
    }

    fn finding(symbol: char) -> Finding {
        match symbol {
            '+' => Finding::Good(200),
            '-' => Finding::Bad(500),
            _ => Finding::Unreachable("connection refused".into()),
        }
    }

    #[test]
    fn thresholds_are_counted_in_a_row() {
        let check = check();
        for (start, findings, want) in [
            (true, "---", "^^_"),
            (true, "--+--+---", "^^^^^^^^_"),
            (true, "xx", "^_"),
            (true, "x+x+xx", "^^^^^_"),
            (false, "++", "_^"),
            (false, "+-++", "___^"),
            (false, "+x++", "___^"),
            (true, "---++xx", "^^__^^_"),
        ] {
            assert_eq!(run(&check, start, findings), want, "{findings}");
        }
    }

    #[test]
    fn bad_answers_and_failed_connections_do_not_forget_each_other() {
        assert_eq!(run(&check(), true, "-x-x"), "^^^_");
        assert_eq!(run(&check(), true, "-x--"), "^^^_");
    }

    #[test]
    fn a_threshold_of_0_never_changes_anything() {
        let check = HealthCheck { successes: 0, http_failures: 0, tcp_failures: 0, ..check() };
        assert_eq!(run(&check, true, "-----xxxxx"), "^^^^^^^^^^");
        assert_eq!(run(&check, false, "+++++"), "_____");
    }

    #[test]
    fn a_cause_tells_how_often_and_what_was_last() {
        let mut tally = Tally::default();
        let check = HealthCheck { tcp_failures: 1, ..check() };
        assert_eq!(tally.take(&check, true, &Finding::Bad(503)), None);
        assert_eq!(tally.take(&check, true, &Finding::Bad(503)), None);
        let cause = |verdict: Option<Verdict>| verdict.unwrap().cause;
        assert_eq!(cause(tally.take(&check, true, &Finding::Bad(500))), "3 bad answers in a row, last: status 500");
        let refused = Finding::Unreachable("connection refused".into());
        assert_eq!(cause(tally.take(&check, true, &refused)), "1 failed connection: connection refused");
    }

    proptest! {
        #[test]
        fn a_verdict_changes_only_after_its_threshold_of_answers(findings in "[+x-]{0,40}") {
            let check = check();
            let (mut tally, mut healthy) = (Tally::default(), true);
            let mut since: Vec<char> = Vec::new();
            for symbol in findings.chars() {
                since.push(symbol);
                let Some(verdict) = tally.take(&check, healthy, &finding(symbol)) else { continue };
                let last_good = since.iter().rposition(|seen| *seen == '+').map_or(0, |at| at + 1);
                let count = |wanted| since[last_good..].iter().filter(|seen| **seen == wanted).count();
                if verdict.healthy {
                    prop_assert!(since.ends_with(&['+', '+']));
                } else {
                    prop_assert!(count('-') == 3 || count('x') == 2);
                }
                healthy = verdict.healthy;
                since.clear();
            }
        }
    }
}
