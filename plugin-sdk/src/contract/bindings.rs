//! What `wit-bindgen` makes of `wit/`.

#![expect(missing_docs, reason = "generated")]

/// What the gateway lends.
pub(super) mod capabilities {
    wit_bindgen::generate!({
        path: "../wit",
        world: "imports",
        generate_unused_types: false,
        with: {
            "tidegate:gateway/types@0.1.0/field": crate::Field,
            "tidegate:gateway/http@0.1.0/tls-facts": crate::TlsFacts,
            "tidegate:gateway/http@0.1.0/client-certificate": crate::ClientCertificate,
            "tidegate:gateway/log@0.1.0/level": crate::log::Level,
            "tidegate:gateway/counters@0.1.0/quota": crate::counters::Quota,
            "tidegate:gateway/counters@0.1.0/admission": crate::counters::Admission,
            "tidegate:gateway/shared-data@0.1.0/entry": crate::shared_data::Entry,
            "tidegate:gateway/shared-data@0.1.0/write-error": crate::shared_data::WriteError,
            "tidegate:gateway/http-client@0.1.0/outgoing": crate::http_client::Outgoing,
            "tidegate:gateway/http-client@0.1.0/incoming": crate::http_client::Incoming,
        },
    });
}

/// `metrics` once more, with labels that need not be copied to be passed on.
pub(super) mod metrics {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world metrics { import tidegate:gateway/metrics@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: false },
        generate_all,
    });
}

/// Every plugin has it.
pub mod configuration {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world configuration { export tidegate:gateway/configuration@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_configuration",
        default_bindings_module: "tidegate_plugin_sdk::contract::configuration",
        generate_all,
        with: { "tidegate:gateway/types@0.1.0/problem": crate::Problem },
    });
}

/// What decides on requests.
pub mod request_policy {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world request-policy { export tidegate:gateway/request-policy@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_request_policy",
        default_bindings_module: "tidegate_plugin_sdk::contract::request_policy",
        with: {
            "tidegate:gateway/http@0.1.0": crate::contract::http,
            "tidegate:gateway/types@0.1.0": generate,
            "tidegate:gateway/types@0.1.0/field": crate::Field,
            "tidegate:gateway/types@0.1.0/edit": crate::Edit,
            "tidegate:gateway/types@0.1.0/local-response": crate::LocalResponse,
            "tidegate:gateway/request-policy@0.1.0": generate,
            "tidegate:gateway/request-policy@0.1.0/forward": crate::Forward,
            "tidegate:gateway/request-policy@0.1.0/decision": crate::Decision,
        },
    });
}

/// What names limits.
pub mod limit_policy {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world limit-policy { export tidegate:gateway/limit-policy@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_limit_policy",
        default_bindings_module: "tidegate_plugin_sdk::contract::limit_policy",
        with: {
            "tidegate:gateway/http@0.1.0": crate::contract::http,
            "tidegate:gateway/types@0.1.0": generate,
            "tidegate:gateway/limit-policy@0.1.0": generate,
            "tidegate:gateway/limit-policy@0.1.0/algorithm": crate::Algorithm,
            "tidegate:gateway/limit-policy@0.1.0/limit": crate::Limit,
            "tidegate:gateway/limit-policy@0.1.0/limits": crate::Limits,
        },
    });
}

/// What decides on responses.
pub mod response_policy {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world response-policy { export tidegate:gateway/response-policy@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_response_policy",
        default_bindings_module: "tidegate_plugin_sdk::contract::response_policy",
        with: {
            "tidegate:gateway/http@0.1.0": crate::contract::http,
            "tidegate:gateway/types@0.1.0": generate,
            "tidegate:gateway/types@0.1.0/field": crate::Field,
            "tidegate:gateway/types@0.1.0/edit": crate::Edit,
            "tidegate:gateway/types@0.1.0/local-response": crate::LocalResponse,
            "tidegate:gateway/response-policy@0.1.0": generate,
            "tidegate:gateway/response-policy@0.1.0/decision": crate::ResponseDecision,
        },
    });
}

/// What sees bodies.
pub mod body_policy {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world body-policy { export tidegate:gateway/body-policy@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_body_policy",
        default_bindings_module: "tidegate_plugin_sdk::contract::body_policy",
        with: {
            "tidegate:gateway/http@0.1.0": crate::contract::http,
            "tidegate:gateway/types@0.1.0": generate,
            "tidegate:gateway/types@0.1.0/field": crate::Field,
            "tidegate:gateway/types@0.1.0/local-response": crate::LocalResponse,
            "tidegate:gateway/body-policy@0.1.0": generate,
            "tidegate:gateway/body-policy@0.1.0/attention": crate::Attention,
            "tidegate:gateway/body-policy@0.1.0/action": crate::Action,
            "tidegate:gateway/body-policy@0.1.0/step": crate::Step,
        },
    });
}

/// What chooses endpoints.
pub mod balancer {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world balancer { export tidegate:gateway/balancer@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_balancer",
        default_bindings_module: "tidegate_plugin_sdk::contract::balancer",
        with: {
            "tidegate:gateway/http@0.1.0": crate::contract::http,
            "tidegate:gateway/types@0.1.0": generate,
            "tidegate:gateway/balancer@0.1.0": generate,
            "tidegate:gateway/balancer@0.1.0/endpoint": crate::Endpoint,
            "tidegate:gateway/balancer@0.1.0/candidates": crate::Candidates,
        },
    });
}

/// What hears of exchanges.
pub mod observer {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package tidegate:sdk; world observer { export tidegate:gateway/observer@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_observer",
        default_bindings_module: "tidegate_plugin_sdk::contract::observer",
        with: {
            "tidegate:gateway/http@0.1.0": crate::contract::http,
            "tidegate:gateway/types@0.1.0": generate,
            "tidegate:gateway/observer@0.1.0": generate,
            "tidegate:gateway/observer@0.1.0/outcome": crate::Outcome,
        },
    });
}
