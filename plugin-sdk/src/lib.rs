//! Write Tidegate policies in Rust.
//!
//! A *plugin* is a component that the gateway loads; a *policy* is that plugin with one configuration. The author
//! implements [`Policy`] and at least one role ([`RequestPolicy`], [`LimitPolicy`], [`ResponsePolicy`], [`BodyPolicy`],
//! [`Balancer`], [`Observer`]) on one type, and names the roles in [`export!`]:
//!
//! ```
//! use serde::Deserialize;
//! use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};
//!
//! struct Maintenance {
//!     retry_after: String,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     minutes: u32,
//! }
//!
//! impl Policy for Maintenance {
//!     type Config = Config;
//!
//!     fn configure(config: Config) -> Result<Self, Vec<Problem>> {
//!         if config.minutes == 0 {
//!             return Err(vec![Problem::at("minutes", "must be at least 1")]);
//!         }
//!         Ok(Self { retry_after: (config.minutes * 60).to_string() })
//!     }
//! }
//!
//! impl RequestPolicy for Maintenance {
//!     fn on_request(&self, request: &Request) -> Decision {
//!         if request.path().starts_with("/status") {
//!             return Decision::forward().into();
//!         }
//!         Decision::respond(503).header("retry-after", self.retry_after.as_str()).into()
//!     }
//! }
//!
//! export!(Maintenance: request);
//! ```
//!
//! The same source compiles natively, where [`testing`] plays the gateway; the README tells how to build the component.
//! A finished component imports exactly what it calls: one that never asks for [`consumers`] needs no grant for it.

pub mod clock;
pub mod consumers;
pub mod counters;
pub mod http_client;
pub mod keysets;
pub mod log;
pub mod metrics;
pub mod passwords;
pub mod path;
pub mod query;
pub mod random;
pub mod shared_data;
pub mod subject;
pub mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

mod balance;
mod body;
mod credential;
mod decision;
mod edit;
mod export;
mod field_name;
mod limits;
mod local_response;
mod outcome;
mod period;
mod policy;
mod problem;
mod request;
mod response;
mod size;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod contract;

pub use balance::{Candidate, Candidates, Endpoint, Rotation};
pub use body::{Action, Attention, Piece, Step};
pub use credential::Credential;
pub use decision::{Decision, Forward, ResponseDecision, ResponseForward};
pub use edit::{Edit, Field};
pub use field_name::FieldName;
pub use limits::{Algorithm, Limit, Limits};
pub use local_response::LocalResponse;
pub use outcome::Outcome;
pub use period::Period;
pub use policy::{Balancer, BodyPolicy, LimitPolicy, NoConfig, Observer, Policy, RequestPolicy, ResponsePolicy};
pub use problem::Problem;
pub use request::{Ambiguity, ClientCertificate, Request, TlsFacts};
pub use response::Response;
pub use size::Size;
pub use subject::Subject;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
