//! Where the two threads count: each on cores of its own, so that what holds one up does not hold up the other.

/// One of two parts of the cores that the process may use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    First,
    Second,
}

impl Half {
    /// All of them where there are not two.
    #[cfg(any(target_os = "linux", test))]
    fn of(self, cores: &[usize]) -> &[usize] {
        let (first, second) = cores.split_at(cores.len() / 2);
        match self {
            Self::First if !first.is_empty() => first,
            Self::First | Self::Second => second,
        }
    }

    /// Keeps this thread to its half. Where the system does not let it, the two may meet on a core and be late together.
    #[cfg(target_os = "linux")]
    pub(super) fn keep(self) {
        use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
        use nix::unistd::Pid;

        let this_thread = Pid::from_raw(0);
        let kept = sched_getaffinity(this_thread).and_then(|all| {
            let may_use = |core: &usize| all.is_set(*core).unwrap_or(false);
            let cores: Vec<usize> = (0..CpuSet::count()).filter(may_use).collect();
            let mut half = CpuSet::new();
            self.of(&cores).iter().try_for_each(|core| half.set(*core))?;
            sched_setaffinity(this_thread, &half)
        });
        if let Err(error) = kept {
            tracing::debug!(%error, "a thread that counts epochs may run on any core");
        }
    }

    /// Does nothing.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn keep(self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_have_no_core_in_common_and_leave_none_out() {
        for cores in [&[0, 1][..], &[2, 5, 7], &[0, 1, 2, 3]] {
            assert_eq!([Half::First.of(cores), Half::Second.of(cores)].concat(), cores);
        }
    }

    #[test]
    fn a_single_core_is_shared() {
        assert_eq!(Half::First.of(&[3]), Half::Second.of(&[3]));
    }
}
