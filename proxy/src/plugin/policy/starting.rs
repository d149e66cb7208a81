//! The first start of a policy's plugin, by which those on workers are measured.

use std::time::Duration;

use super::{ConfigureProblem, ConfiguredPolicy, problems};
use crate::plugin::budget::thread_cpu;

/// How often a start is tried that takes too long: it may have been the machine.
const TRIES: u32 = 3;

impl ConfiguredPolicy {
    /// Makes a first instance, and holds those that follow to what its start took.
    ///
    /// # Errors
    /// It does not come up, or takes longer than a worker may be kept.
    pub(super) fn start_first(&self) -> Result<(), Vec<ConfigureProblem>> {
        let budget = &self.setup.start;
        let keeps_workers = self.plugin.facts().roles.keeping_workers();
        let mut least = Duration::MAX;
        for _ in 0..TRIES {
            let began = thread_cpu();
            let mut lease = self.pool.lease(|| self.create()).map_err(problems)?;
            least = least.min(thread_cpu().saturating_sub(began));
            if keeps_workers.is_empty() || least <= budget.most_kept() {
                budget.took(least);
                lease.instance.look_up().map_err(problems)?;
                lease.give_back();
                return Ok(());
            }
        }
        Err(vec![too_slow(least, &keeps_workers, budget.most_kept())])
    }
}

fn too_slow(took: Duration, roles: &[&str], most: Duration) -> ConfigureProblem {
    // What is a little too long is not to read as if it were not.
    let took = took.as_nanos().div_ceil(1_000_000);
    let (most, roles) = (most.as_millis(), roles.join(", "));
    ConfigureProblem {
        path: String::new(),
        message: format!(
            "an instance takes {took} ms of CPU time to start, and calls of {roles} keep their worker meanwhile: at most \
             {most} ms"
        ),
        hint: Some(
            "let the component be initialised when it is built, or raise `limits.cpu` of its plugin: no request on a \
             worker is served as long as a call keeps it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_is_hardly_too_slow_is_not_told_as_one_that_is_not() {
        let most = Duration::from_millis(20);
        let problem = too_slow(most + Duration::from_nanos(1), &["balancer"], most);
        assert!(problem.message.starts_with("an instance takes 21 ms of CPU time"), "{}", problem.message);
        assert!(problem.message.ends_with("at most 20 ms"), "{}", problem.message);
    }
}
