//! An instance in calls that may wait: each of them runs on a stack of its own.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance as Component, Lift, Lower, Resource, TypedFunc};

use super::{HostState, Instance, Refusal, START_BUDGET, Setup, THE_RESPONSE, failed, new_store, the_request};
use crate::plugin::bindings::types::Problem;
use crate::plugin::bindings::{limit_policy, request_policy, response_policy};
use crate::plugin::budget::meter::Meter;
use crate::plugin::component::{LoadedPlugin, Program};
use crate::plugin::epochs::ticks_until;
use crate::plugin::turns::Turns;
use crate::plugin::view::{RequestHandle, ResponseHandle};

type Configure = TypedFunc<(String,), (Result<(), Vec<Problem>>,)>;
type OnRequest = TypedFunc<(Resource<RequestHandle>,), (request_policy::Decision,)>;
type LimitsOf = TypedFunc<(Resource<RequestHandle>,), (limit_policy::Limits,)>;
type OnResponse = TypedFunc<(Resource<RequestHandle>, Resource<ResponseHandle>), (response_policy::Decision,)>;

/// The functions of calls that may wait: no balancer, body or observer, since nobody would wait for it there.
#[derive(Default)]
pub(super) struct WaitingExports {
    on_request: Option<OnRequest>,
    limits_of: Option<LimitsOf>,
    on_response: Option<OnResponse>,
}

impl Instance {
    /// [`Instance::start`] in turns.
    pub(in crate::plugin) async fn start_waiting(
        plugin: &LoadedPlugin,
        program: &Program,
        setup: &Arc<Setup>,
        turns: &mut Turns,
    ) -> Result<Self, Refusal> {
        let mut store = new_store(plugin, setup);
        let meter = store.data_mut().cpu.begin_turns(START_BUDGET);
        let guest = turns.run(&meter, None, program.component.instantiate_async(&mut store)).await;
        let guest = guest.map_err(|error| failed(&error, &store))?;
        Self::of(plugin, program, store, guest)
    }

    /// [`Instance::configure`] in turns.
    pub(in crate::plugin) async fn configure_waiting(&mut self, turns: &mut Turns) -> Result<(), Refusal> {
        if self.exports.configuration.is_none() {
            return Ok(());
        }
        let setup = Arc::clone(&self.store.data().setup);
        let meter = self.store.data_mut().cpu.begin_turns(START_BUDGET);
        let outcome = turns.run(&meter, None, self.call_configure_waiting(setup)).await;
        self.configured(outcome)
    }

    pub(super) async fn call_configure_waiting(
        &mut self,
        setup: Arc<Setup>,
    ) -> wasmtime::Result<Result<(), Vec<Problem>>> {
        let configure: Configure = find(&self.guest, &mut self.store, "configuration", "configure")?;
        configure.call_async(&mut self.store, (setup.config.clone(),)).await.map(|(outcome,)| outcome)
    }

    /// Starts the CPU budget of a call in turns, which the meter counts.
    pub(in crate::plugin) fn begin_turns(&mut self, budget: Duration) -> Meter {
        self.begin_call();
        self.store.set_epoch_deadline(ticks_until(budget));
        self.store.data_mut().cpu.begin_turns(budget)
    }

    /// `None` where the component does not decide on requests.
    pub(in crate::plugin) async fn on_request_waiting(&mut self) -> wasmtime::Result<Option<request_policy::Decision>> {
        if self.exports.request.is_none() {
            return Ok(None);
        }
        self.call_waiting(|waiting| &mut waiting.on_request, ["request-policy", "on-request"], (the_request(),)).await
    }

    /// `None` where the component names no limits.
    pub(in crate::plugin) async fn limits_of_waiting(&mut self) -> wasmtime::Result<Option<limit_policy::Limits>> {
        if self.exports.limit.is_none() {
            return Ok(None);
        }
        self.call_waiting(|waiting| &mut waiting.limits_of, ["limit-policy", "limits-of"], (the_request(),)).await
    }

    /// `None` where the component does not decide on responses.
    pub(in crate::plugin) async fn on_response_waiting(
        &mut self,
    ) -> wasmtime::Result<Option<response_policy::Decision>> {
        if self.exports.response.is_none() {
            return Ok(None);
        }
        let messages = (the_request(), Resource::<ResponseHandle>::new_borrow(THE_RESPONSE));
        self.call_waiting(|waiting| &mut waiting.on_response, ["response-policy", "on-response"], messages).await
    }

    /// Calls a function of an interface, both by name, and keeps where it is.
    async fn call_waiting<P, R>(
        &mut self,
        place: impl Fn(&mut WaitingExports) -> &mut Option<TypedFunc<P, (R,)>>,
        [interface, function]: [&str; 2],
        parameters: P,
    ) -> wasmtime::Result<Option<R>>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: Send + Sync + 'static,
        (R,): ComponentNamedList + Lift,
    {
        let guest = match place(&mut self.exports.waiting) {
            Some(guest) => *guest,
            None => find(&self.guest, &mut self.store, interface, function)?,
        };
        *place(&mut self.exports.waiting) = Some(guest);
        guest.call_async(&mut self.store, parameters).await.map(|(returned,)| Some(returned))
    }
}

fn find<P, R>(
    instance: &Component,
    store: &mut Store<HostState>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let name = format!("tidegate:gateway/{interface}@{}", crate::plugin::contract::ContractVersion::NEWEST);
    let missing = || wasmtime::format_err!("{name} has no `{function}`");
    let interface = instance.get_export_index(&mut *store, None, &name).ok_or_else(missing)?;
    let function = instance.get_export_index(&mut *store, Some(&interface), function).ok_or_else(missing)?;
    instance.get_typed_func(store, function)
}

/// The result of what has nothing to wait for: outside of a request there is no upstream to ask.
pub(in crate::plugin) fn at_once<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => wasmtime::bail!("waits where nobody waits for it"),
    }
}
