//! Contract 0.1 as Rust types and traits, generated from `wit/`.
//!
//! The world has all that is lent and all roles; which of them a component has is found out at load (`inspection`).

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package tidegate:host;
        world host { include tidegate:gateway/imports@0.1.0; include tidegate:gateway/plugin@0.1.0; }
    ",
    imports: {
        "tidegate:gateway/http-client.send": async | trappable,
        "tidegate:gateway/passwords.verify": async | trappable,
        default: trappable,
    },
    with: {
        "tidegate:gateway/http.request": crate::plugin::view::RequestHandle,
        "tidegate:gateway/http.response": crate::plugin::view::ResponseHandle,
    },
});

pub(in crate::plugin) use self::exports::tidegate::gateway::{
    balancer, body_policy, configuration, limit_policy, observer, request_policy, response_policy,
};
pub(in crate::plugin) use self::tidegate::gateway::{
    clock, consumers, counters, http, http_client, keysets, log, metrics, passwords, random, shared_data, types,
};
