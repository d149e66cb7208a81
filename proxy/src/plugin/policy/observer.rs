//! A policy that hears of exchanges.

use std::time::Duration;

use super::{PluginFailure, PolicyRuntime, Role};
use crate::observe::metrics::CallOutcome;
use crate::plugin::decisions::question::Messages;
use crate::policy::view::{RequestView, ResponseView};

/// How an exchange went.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Body bytes received from the client.
    pub request_bytes: u64,
    /// Body bytes sent to the client.
    pub response_bytes: u64,
    /// From the request's head to the response's end.
    pub taken: Duration,
    /// Endpoints asked.
    pub tries: u32,
    /// The endpoint asked last.
    pub endpoint: Option<&'a str>,
    /// Why it did not end with the upstream's whole answer, in the words of the access log.
    pub cause: Option<&'a str>,
}

impl PolicyRuntime {
    /// Tells of an exchange that is over. What it answers is nothing.
    ///
    /// # Errors
    /// The plugin failed, which is counted, and told to the log once in a while.
    pub fn on_exchange(
        &self,
        request: &dyn RequestView,
        response: Option<&dyn ResponseView>,
        exchange: &Exchange<'_>,
    ) -> Result<(), PluginFailure> {
        let status = response.map(|response| response.status());
        let scope = self.scope(Messages { request, response }, None);
        let heard: Result<(), PluginFailure> = self.call(scope, |instance| Ok(instance.on_exchange(status, exchange)?));
        self.count(scope.asked(Role::Observer), heard, |()| CallOutcome::Observe)
    }
}
