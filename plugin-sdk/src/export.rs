//! The macro that turns a policy type into a component.

/// Exports a policy as a component with the roles named: `request`, `limit`, `response`, `body`, `balancer`, `observer`,
/// or several of them.
///
/// ```text
/// tidegate_plugin_sdk::export!(MyPolicy: request, response);
/// ```
///
/// The component exports `configuration` and one interface per role, and no other. Use it once in a crate. Natively it
/// only checks that the type implements the roles.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! export {
    ($policy:ty: $($role:ident),+ $(,)?) => {
        const _: () = {
            $($crate::__role!($role, $policy);)+
        };
    };
}

/// Natively, a role is a bound to check.
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __role {
    (request, $policy:ty) => {
        const _: fn(&$policy, &$crate::Request) -> $crate::Decision = <$policy as $crate::RequestPolicy>::on_request;
    };
    (limit, $policy:ty) => {
        const _: fn(&$policy, &$crate::Request) -> $crate::Limits = <$policy as $crate::LimitPolicy>::limits_of;
    };
    (response, $policy:ty) => {
        const _: fn(&$policy, &$crate::Request, &$crate::Response) -> $crate::ResponseDecision =
            <$policy as $crate::ResponsePolicy>::on_response;
    };
    (body, $policy:ty) => {
        const _: fn(&$policy, &$crate::Request) -> $crate::Attention = <$policy as $crate::BodyPolicy>::attend_request;
    };
    (observer, $policy:ty) => {
        const _: fn(&$policy, &$crate::Request, ::std::option::Option<&$crate::Response>, &$crate::Outcome) =
            <$policy as $crate::Observer>::on_exchange;
    };
    (balancer, $policy:ty) => {
        const _: fn(&mut $policy, ::std::vec::Vec<$crate::Endpoint>) = <$policy as $crate::Balancer>::update;
    };
    ($other:ident, $policy:ty) => {
        ::std::compile_error!(::std::concat!(
            "unknown role `",
            ::std::stringify!($other),
            "`; the roles are `request`, `limit`, `response`, `body`, `balancer` and `observer`"
        ));
    };
}

/// Exports a policy as a component with the roles named: `request`, `limit`, `response`, `body`, `balancer`, `observer`,
/// or several of them.
#[cfg(target_arch = "wasm32")]
#[macro_export]
macro_rules! export {
    ($policy:ty: $($role:ident),+ $(,)?) => {
        const _: () = {
            ::std::thread_local! {
                static POLICY: ::std::cell::RefCell<::std::option::Option<$policy>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Component;

            impl $crate::contract::configuration::exports::tidegate::gateway::configuration::Guest for Component {
                fn configure(text: ::std::string::String) -> ::std::result::Result<(), ::std::vec::Vec<$crate::Problem>> {
                    $crate::contract::configure(&POLICY, &text)
                }
            }

            $crate::contract::configuration::export_configuration!(
                Component with_types_in $crate::contract::configuration
            );
            $($crate::__role!($role);)+
        };
    };
}

/// In a component, a role is an interface to export. `Component` and `POLICY` are those of [`export!`].
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __role {
    (request) => {
        impl $crate::contract::request_policy::exports::tidegate::gateway::request_policy::Guest for Component {
            fn on_request(request: &$crate::contract::http::Request) -> $crate::Decision {
                $crate::contract::on_request(&POLICY, request)
            }
        }
        $crate::contract::request_policy::export_request_policy!(
            Component with_types_in $crate::contract::request_policy
        );
    };
    (limit) => {
        impl $crate::contract::limit_policy::exports::tidegate::gateway::limit_policy::Guest for Component {
            fn limits_of(request: &$crate::contract::http::Request) -> $crate::Limits {
                $crate::contract::limits_of(&POLICY, request)
            }
        }
        $crate::contract::limit_policy::export_limit_policy!(Component with_types_in $crate::contract::limit_policy);
    };
    (response) => {
        impl $crate::contract::response_policy::exports::tidegate::gateway::response_policy::Guest for Component {
            fn on_response(
                request: &$crate::contract::http::Request,
                response: &$crate::contract::http::Response,
            ) -> $crate::ResponseDecision {
                $crate::contract::on_response(&POLICY, request, response)
            }
        }
        $crate::contract::response_policy::export_response_policy!(
            Component with_types_in $crate::contract::response_policy
        );
    };
    (body) => {
        impl $crate::contract::body_policy::exports::tidegate::gateway::body_policy::Guest for Component {
            fn attend_request(request: &$crate::contract::http::Request) -> $crate::Attention {
                $crate::contract::attend_request(&POLICY, request)
            }

            fn on_request_body(
                request: &$crate::contract::http::Request,
                bytes: ::std::vec::Vec<u8>,
                last: bool,
                memory: ::std::vec::Vec<u8>,
            ) -> $crate::Step {
                $crate::contract::on_request_body(&POLICY, request, $crate::Piece { bytes, last, memory })
            }

            fn attend_response(
                request: &$crate::contract::http::Request,
                response: &$crate::contract::http::Response,
            ) -> $crate::Attention {
                $crate::contract::attend_response(&POLICY, request, response)
            }

            fn on_response_body(
                request: &$crate::contract::http::Request,
                response: &$crate::contract::http::Response,
                bytes: ::std::vec::Vec<u8>,
                last: bool,
                memory: ::std::vec::Vec<u8>,
            ) -> $crate::Step {
                $crate::contract::on_response_body(&POLICY, request, response, $crate::Piece { bytes, last, memory })
            }
        }
        $crate::contract::body_policy::export_body_policy!(Component with_types_in $crate::contract::body_policy);
    };
    (observer) => {
        impl $crate::contract::observer::exports::tidegate::gateway::observer::Guest for Component {
            fn on_exchange(
                request: &$crate::contract::http::Request,
                response: ::std::option::Option<&$crate::contract::http::Response>,
                outcome: $crate::Outcome,
            ) {
                $crate::contract::on_exchange(&POLICY, request, response, &outcome);
            }
        }
        $crate::contract::observer::export_observer!(Component with_types_in $crate::contract::observer);
    };
    (balancer) => {
        impl $crate::contract::balancer::exports::tidegate::gateway::balancer::Guest for Component {
            fn update(endpoints: ::std::vec::Vec<$crate::Endpoint>) {
                $crate::contract::update(&POLICY, endpoints);
            }

            fn pick(
                request: &$crate::contract::http::Request,
                candidates: $crate::Candidates,
            ) -> ::std::option::Option<u32> {
                $crate::contract::pick(&POLICY, request, &candidates)
            }
        }
        $crate::contract::balancer::export_balancer!(Component with_types_in $crate::contract::balancer);
    };
    ($other:ident) => {
        ::std::compile_error!(::std::concat!(
            "unknown role `", ::std::stringify!($other), "`; the roles are `request`, `limit`, `response`, `body`, `balancer` and `observer`"
        ));
    };
}
