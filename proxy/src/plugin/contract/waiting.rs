//! Calls that may wait, made by name: generated bindings make a function either one that waits or one that does not.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance as GuestInstance, Lift, Lower, TypedFunc};

use crate::plugin::instance::HostState;

/// Calls a function of an interface, and keeps where it is.
pub(super) async fn call<P, R>(
    guest: GuestInstance,
    store: &mut Store<HostState>,
    names: [&str; 2],
    known: &mut Option<TypedFunc<P, (R,)>>,
    parameters: P,
) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync + 'static,
    R: Send + Sync + 'static,
    (R,): ComponentNamedList + Lift,
{
    let function = match known {
        Some(function) => *function,
        None => *known.insert(find(guest, store, names)?),
    };
    function.call_async(store, parameters).await.map(|(returned,)| returned)
}

/// A function of an interface; an instance knows the latter in later patches of its version too.
pub(super) fn find<P, R>(
    guest: GuestInstance,
    store: &mut Store<HostState>,
    [interface, function]: [&str; 2],
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let missing = || wasmtime::format_err!("{interface} has no `{function}`");
    let interface = guest.get_export_index(&mut *store, None, interface).ok_or_else(missing)?;
    let function = guest.get_export_index(&mut *store, Some(&interface), function).ok_or_else(missing)?;
    guest.get_typed_func(store, function)
}
