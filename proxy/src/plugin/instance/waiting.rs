//! An instance in calls that may wait: each of them runs on a stack of its own.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasmtime::Store;

use super::{Configured, HostState, Instance, Refusal, Setup, failed, new_store};
use crate::counters::{Algorithm, Limit, Quota};
use crate::plugin::budget::meter::Meter;
use crate::plugin::checked::Rules;
use crate::plugin::component::{LoadedPlugin, Program};
use crate::plugin::contract::by_version;
use crate::plugin::epochs::ticks_until;
use crate::plugin::failure::Fault;
use crate::plugin::turns::Turns;
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::limits::Limits;

impl Instance {
    /// [`Instance::start`] and [`Instance::configure`] in turns, within one budget. An image has nothing to configure.
    pub(in crate::plugin) async fn start_waiting(
        plugin: &LoadedPlugin,
        program: &Program,
        setup: &Arc<Setup>,
        turns: &mut Turns,
    ) -> Result<Self, Refusal> {
        let mut store = new_store(plugin, setup);
        let meter = store.data_mut().cpu.begin_turns(setup.start.now());
        let start = async {
            let mut instance = Self::instantiate_waiting(plugin, program, store).await?;
            let outcome = instance.call_configure_waiting(Arc::clone(setup)).await;
            instance.configured(outcome)?;
            Ok(instance)
        };
        turns.run(&meter, None, start).await
    }

    async fn instantiate_waiting(
        plugin: &LoadedPlugin,
        program: &Program,
        mut store: Store<HostState>,
    ) -> Result<Self, Refusal> {
        let guest = program.component.instantiate_async(&mut store).await;
        let guest = guest.map_err(|error| failed(&error, &store))?;
        Ok(Self::of(plugin, program, store, guest))
    }

    pub(super) async fn call_configure_waiting(&mut self, setup: Arc<Setup>) -> wasmtime::Result<Configured> {
        let (guest, text) = (self.guest, setup.config.as_str());
        by_version!(&self.exports, exports => exports.configure_waiting(&mut self.store, guest, text).await)
    }

    /// Starts the CPU budget of a call in turns, which the meter counts.
    pub(in crate::plugin) fn begin_turns(&mut self, budget: Duration) -> Meter {
        self.begin_call();
        self.store.set_epoch_deadline(ticks_until(budget));
        self.store.data_mut().cpu.begin_turns(budget)
    }

    /// [`Instance::on_request`] of one that may wait.
    pub(in crate::plugin) async fn on_request_waiting(
        &mut self,
        rules: Rules<'_>,
    ) -> Result<Option<RequestDecision>, Fault> {
        let guest = self.guest;
        by_version!(&mut self.exports, exports => exports.on_request_waiting(&mut self.store, guest, rules).await)
    }

    /// [`Instance::limits_of`] of one that may wait.
    pub(in crate::plugin) async fn limits_of_waiting(
        &mut self,
        rules: Rules<'_>,
        limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Option<Limits>, Fault> {
        let guest = self.guest;
        by_version!(
            &mut self.exports,
            exports => exports.limits_of_waiting(&mut self.store, guest, rules, limit).await
        )
    }

    /// [`Instance::on_response`] of one that may wait.
    pub(in crate::plugin) async fn on_response_waiting(
        &mut self,
        rules: Rules<'_>,
    ) -> Result<Option<ResponseDecision>, Fault> {
        let guest = self.guest;
        by_version!(&mut self.exports, exports => exports.on_response_waiting(&mut self.store, guest, rules).await)
    }
}

/// The result of what has nothing to wait for: outside of a request there is no upstream to ask.
pub(in crate::plugin) fn at_once<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => wasmtime::bail!("waits where nobody waits for it"),
    }
}
