//! Calls of plugins that may wait: they run on a stack of their own, and their thread serves others meanwhile.

use std::future::poll_fn;
use std::pin::pin;

use super::{Fault, PluginFailure, PolicyRuntime};
use crate::plugin::instance::Instance;
use crate::plugin::scope::{self, CallScope};
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::view::{RequestView, ResponseView};

impl PolicyRuntime {
    /// Whether its plugin may wait, so that it is to be asked with [`Self::on_request_waiting`] and its like.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.configured.plugin.waits()
    }

    /// [`Self::on_request`] of a plugin that may wait. Dropped in mid-call, it leaves nothing behind.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn on_request_waiting(&self, request: &dyn RequestView) -> Result<RequestDecision, PluginFailure> {
        let scope = self.scope(request, None);
        let decide = async |instance: &mut Instance| {
            let decision = instance.on_request_waiting().await?;
            self.requested(decision, instance.take_held())
        };
        self.count_request(self.call_waiting(scope, decide).await)
    }

    /// [`Self::on_response`] of a plugin that may wait.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn on_response_waiting(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
    ) -> Result<ResponseDecision, PluginFailure> {
        let scope = self.scope(request, Some(response));
        let decide = async |instance: &mut Instance| self.responded(instance.on_response_waiting().await?);
        self.count_response(self.call_waiting(scope, decide).await)
    }
}

impl PolicyRuntime {
    /// Runs one call that may wait, unless the policy is quarantined.
    async fn call_waiting<T>(
        &self,
        scope: CallScope<'_>,
        run: impl AsyncFnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, PluginFailure> {
        let pass = self.configured.quarantine.admit()?;
        let result = self.call_waiting_instance(scope, run).await;
        pass.tell(&result);
        result
    }

    /// Host functions see the request whenever the guest runs, and only then.
    async fn call_waiting_instance<T>(
        &self,
        scope: CallScope<'_>,
        run: impl AsyncFnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, PluginFailure> {
        let configured = &*self.configured;
        let _sample = self.metrics.sample();
        let mut lease = configured.pool.lease(|| configured.create().map_err(PluginFailure::from))?;
        let meter = lease.instance.begin_waiting(configured.plugin.limits().cpu);
        let outcome = {
            let mut call = pin!(run(&mut lease.instance));
            poll_fn(|context| {
                let _running = meter.run();
                scope::lend(scope, || call.as_mut().poll(context))
            })
            .await
        };
        match outcome {
            Ok(value) => {
                drop(lease.instance.take_held());
                lease.give_back();
                Ok(value)
            }
            Err(Fault::Guest(error)) => Err(lease.instance.failure(&error)),
            Err(Fault::Illegal(illegal)) => Err(PluginFailure::Illegal(illegal)),
        }
    }
}
