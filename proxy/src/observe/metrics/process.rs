//! What the system says of this process: `/proc/self`, see proc(5).

use std::fs;
use std::io;
use std::time::Duration;

/// Ticks a second in `/proc/self/stat`: `USER_HZ`, 100 on every architecture Linux offers to programs today.
const TICKS_PER_SECOND: u64 = 100;

/// Resources in use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    /// The soft limit; `None` where there is none.
    pub(super) allowed_files: Option<u64>,
}

impl Usage {
    /// Reads it; `None` on a system without a readable `/proc`.
    pub(super) fn read() -> Option<Self> {
        Self::gather().ok().flatten()
    }

    fn gather() -> io::Result<Option<Self>> {
        let stat = fs::read_to_string("/proc/self/stat")?;
        let status = fs::read_to_string("/proc/self/status")?;
        let limits = fs::read_to_string("/proc/self/limits")?;
        // The listing holds a descriptor of its own open.
        let open_files = (fs::read_dir("/proc/self/fd")?.count() as u64).saturating_sub(1);
        Ok(cpu_time(&stat).map(|cpu| Self {
            cpu,
            resident_bytes: number(&status, "VmRSS:") * 1024,
            virtual_bytes: number(&status, "VmSize:") * 1024,
            threads: number(&status, "Threads:"),
            open_files,
            allowed_files: soft_file_limit(&limits),
        }))
    }
}

/// Fields 14 and 15 of the line; the name before them may itself hold spaces and parentheses.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * (1000 / TICKS_PER_SECOND)))
}

/// The number after `key`; 0 where there is none.
fn number(status: &str, key: &str) -> u64 {
    let rest = status.lines().find_map(|line| line.strip_prefix(key));
    rest.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn soft_file_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 9 0 100 1000 200 0";
        assert_eq!(cpu_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_time("junk"), None);
    }

    #[test]
    fn an_unlimited_number_of_files_is_no_number() {
        assert_eq!(soft_file_limit("Max open files            1024    4096    files\n"), Some(1024));
        assert_eq!(soft_file_limit("Max open files            unlimited unlimited files\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let usage = Usage::read().unwrap();
        assert!(usage.resident_bytes > 0 && usage.virtual_bytes > usage.resident_bytes);
        assert!(usage.threads > 0 && usage.open_files > 0);
    }
}
