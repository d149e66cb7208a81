//! `counters`: limits that all instances of a policy share.

use crate::counters;
use crate::plugin::contract::v0_1::bindings::counters::{Admission, Host, Quota};
use crate::plugin::instance::{HostState, MOST_HELD};
use crate::plugin::scope;

impl Host for HostState {
    fn take_gcra(&mut self, key: Vec<u8>, quota: Quota, burst: u32, cost: u32) -> wasmtime::Result<Admission> {
        scope::see("`counters`", |_| self.counters().take_gcra(&key, quota.into(), burst, cost).into())
    }

    fn take_window(&mut self, key: Vec<u8>, quota: Quota, cost: u32) -> wasmtime::Result<Admission> {
        scope::see("`counters`", |_| self.counters().take_window(&key, quota.into(), cost).into())
    }

    fn take_sliding(&mut self, key: Vec<u8>, quota: Quota, cost: u32) -> wasmtime::Result<Admission> {
        scope::see("`counters`", |_| self.counters().take_sliding(&key, quota.into(), cost).into())
    }

    fn hold(&mut self, key: Vec<u8>, limit: u32) -> wasmtime::Result<Option<u32>> {
        if !scope::see("`counters`", |_| self.may_hold())? {
            wasmtime::bail!("more than {MOST_HELD} places held by one call");
        }
        let Some((held, left)) = self.counters().hold(&key, limit) else { return Ok(None) };
        self.keep(held);
        Ok(Some(left))
    }

    fn add(&mut self, key: Vec<u8>, amount: i64, ttl_ms: u32) -> wasmtime::Result<i64> {
        scope::see("`counters`", |_| self.counters().add(&key, amount, ttl_ms))
    }
}

impl From<Quota> for counters::Quota {
    fn from(quota: Quota) -> Self {
        Self { limit: quota.limit, window_ms: quota.window_ms }
    }
}

impl From<counters::Admission> for Admission {
    fn from(admission: counters::Admission) -> Self {
        Self {
            allowed: admission.allowed,
            remaining: admission.remaining,
            reset_ms: admission.reset_ms,
            retry_after_ms: admission.retry_after_ms,
        }
    }
}
