use std::process::Command;

use super::with_request;
use crate::config::model::{InstanceMode, Plugin};
use crate::plugin::fixture::{Fixture, bind_as, services};
use crate::plugin::policy::PluginFailure;

const CALLS: u32 = 100_000;
/// A leak of a tenth of a kilobyte per call would be more.
const BOUND_KIB: u64 = 10 << 10;
const ITSELF: &str = "plugin::tests::endurance::hostile_calls_in_a_process_of_their_own";

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Other tests of this process need memory too, so this one gets a process.
#[test]
fn a_hundred_thousand_hostile_calls_leave_memory_as_it_was() {
    let output =
        Command::new(std::env::current_exe().unwrap()).args(["--exact", ITSELF, "--ignored"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
#[ignore = "run by the test above, alone in its process"]
fn hostile_calls_in_a_process_of_their_own() {
    // Dirties a page of its own, then traps.
    let fixture = Fixture::request("(i32.store (i32.const 100000) (i32.const 1)) (unreachable)");
    let per_request = bind_as(&fixture, |plugin| Plugin { instances: InstanceMode::PerRequest, ..plugin }, services());
    let reused = bind_as(&fixture, |plugin| plugin, services());
    let calls = |count: u32| {
        for _ in 0..count / 2 {
            for policy in [&per_request, &reused] {
                let failure = with_request("", |request| policy.on_request(request).unwrap_err());
                assert!(matches!(failure, PluginFailure::Trap(_)), "{failure}");
            }
        }
    };
    calls(CALLS / 10);
    let before = resident_kib();
    calls(CALLS);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < BOUND_KIB, "grown by {grown} KiB");
    assert_eq!((per_request.statistics().instances, reused.statistics().instances), (0, 0));
}
