//! A stand-in for the gateway, to test policies natively, without WebAssembly.
//!
//! ```
//! # use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, consumers};
//! use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
//!
//! struct KeyOnly;
//! # impl Policy for KeyOnly {
//! #     type Config = NoConfig;
//! #     fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> { Ok(Self) }
//! # }
//!
//! impl RequestPolicy for KeyOnly {
//!     fn on_request(&self, request: &Request) -> Decision {
//!         match request.header("apikey").and_then(|key| consumers::find_by_key(&key)) {
//!             Some(consumer) => Decision::forward().identify(consumer).into(),
//!             None => Decision::respond(401).into(),
//!         }
//!     }
//! }
//!
//! let _host = TestHost::new().consumer("alice", &["gold"], "alice-key");
//! let policy: KeyOnly = testing::configure("{}")?;
//! let request = TestRequest::get("/").header("apikey", "alice-key");
//! let alice = consumers::find_by_name("alice").ok_or_else(Vec::new)?;
//! assert_eq!(policy.on_request(&request.view()), Decision::forward().identify(alice).into());
//! # Ok::<(), Vec<Problem>>(())
//! ```

mod host;
mod message;
mod quota;
mod schema;

pub use host::{LogLine, TestHost};
pub(crate) use host::{clock, consumers, counters, http_client, keysets, log, metrics, passwords, random, shared_data};
pub use message::{RequestView, ResponseView, TestRequest, TestResponse};
pub use schema::schema_is_current;

use crate::{Policy, Problem};

/// Configures a policy as the gateway would: from a JSON object, with problems that name their place.
///
/// # Errors
/// What is wrong with the configuration.
pub fn configure<P: Policy>(config: &str) -> Result<P, Vec<Problem>> {
    let config = crate::problem::parse(config).map_err(|problem| vec![problem])?;
    P::configure(config)
}
