//! An instance whose plugin may wait: every call of it runs on a stack of its own.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance as Component, Lift, Lower, Resource, TypedFunc};

use super::{HostState, Instance, THE_RESPONSE, the_request};
use crate::plugin::bindings::types::Problem;
use crate::plugin::bindings::{request_policy, response_policy};
use crate::plugin::component::LoadedPlugin;
use crate::plugin::view::{RequestHandle, ResponseHandle};

type Configure = TypedFunc<(String,), (Result<(), Vec<Problem>>,)>;
type OnRequest = TypedFunc<(Resource<RequestHandle>,), (request_policy::Decision,)>;
type OnResponse = TypedFunc<(Resource<RequestHandle>, Resource<ResponseHandle>), (response_policy::Decision,)>;

/// What a plugin that may wait exports: no balancer, body or observer, since nobody would wait for it there.
pub(super) struct WaitingExports {
    configure: Option<Configure>,
    on_request: Option<OnRequest>,
    on_response: Option<OnResponse>,
}

impl WaitingExports {
    pub(super) fn load(
        plugin: &LoadedPlugin,
        instance: &Component,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Self> {
        let roles = plugin.facts.roles;
        Ok(Self {
            configure: match plugin.program.exports.configuration {
                Some(_) => Some(find(instance, store, "configuration", "configure")?),
                None => None,
            },
            on_request: match roles.request {
                true => Some(find(instance, store, "request-policy", "on-request")?),
                false => None,
            },
            on_response: match roles.response {
                true => Some(find(instance, store, "response-policy", "on-response")?),
                false => None,
            },
        })
    }

    pub(super) fn configure(
        &self,
        store: &mut Store<HostState>,
        config: &str,
    ) -> wasmtime::Result<Result<(), Vec<Problem>>> {
        let Some(configure) = &self.configure else { return Ok(Ok(())) };
        at_once(configure.call_async(store, (config.to_owned(),))).map(|(outcome,)| outcome)
    }
}

impl Instance {
    /// `None` where the component does not decide on requests.
    pub(in crate::plugin) async fn on_request_waiting(&mut self) -> wasmtime::Result<Option<request_policy::Decision>> {
        let Some(guest) = self.exports.waiting.as_ref().and_then(|waiting| waiting.on_request) else { return Ok(None) };
        guest.call_async(&mut self.store, (the_request(),)).await.map(|(decision,)| Some(decision))
    }

    /// `None` where the component does not decide on responses.
    pub(in crate::plugin) async fn on_response_waiting(
        &mut self,
    ) -> wasmtime::Result<Option<response_policy::Decision>> {
        let Some(guest) = self.exports.waiting.as_ref().and_then(|waiting| waiting.on_response) else {
            return Ok(None);
        };
        let response = Resource::<ResponseHandle>::new_borrow(THE_RESPONSE);
        guest.call_async(&mut self.store, (the_request(), response)).await.map(|(decision,)| Some(decision))
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
