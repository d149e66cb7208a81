//! Calls that may wait, for an upstream's answer or for their next turn: they run on a stack of their own, and their thread
//! serves others meanwhile.

use super::{ConfiguredPolicy, Fault, PluginFailure, PolicyRuntime, requested, responded};
use crate::plugin::decisions::question::Messages;
use crate::plugin::instance::Instance;
use crate::plugin::scope::CallScope;
use crate::plugin::turns::Turns;
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::view::{RequestView, ResponseView};

impl PolicyRuntime {
    /// Whether its calls may wait, so that it is to be asked with [`Self::on_request_waiting`] and its like: its plugin asks
    /// upstreams, or was slow of late.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.configured.plugin.waits() || self.configured.setup.pace.is_slow()
    }

    /// [`Self::on_request`] of a policy that may wait. Dropped in mid-call, it leaves nothing behind.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn on_request_waiting(&self, request: &dyn RequestView) -> Result<RequestDecision, PluginFailure> {
        self.decide_in_time(Messages { request, response: None }, None).await
    }

    /// [`Self::on_response`] of a policy that may wait.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn on_response_waiting(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
    ) -> Result<ResponseDecision, PluginFailure> {
        self.decide_on_response_in_time(Messages { request, response: Some(response) }, None).await
    }
}

impl PolicyRuntime {
    pub(super) async fn ask_request_waiting(&self, scope: CallScope<'_>) -> Result<RequestDecision, PluginFailure> {
        let decide = async |instance: &mut Instance| {
            let decision = instance.on_request_waiting(self.rules()).await?;
            Ok(requested(decision, instance.take_held()))
        };
        self.count_request(scope, self.call_waiting(scope, decide).await)
    }

    pub(super) async fn ask_response_waiting(&self, scope: CallScope<'_>) -> Result<ResponseDecision, PluginFailure> {
        let decide = async |instance: &mut Instance| Ok(responded(instance.on_response_waiting(self.rules()).await?));
        self.count_response(scope, self.call_waiting(scope, decide).await)
    }

    /// Runs one call that may wait, unless the policy is quarantined.
    pub(super) async fn call_waiting<T>(
        &self,
        scope: CallScope<'_>,
        run: impl AsyncFnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, PluginFailure> {
        let pass = self.configured.quarantine.admit()?;
        let result = self.call_waiting_instance(scope, run).await;
        pass.tell(&result);
        result
    }

    async fn call_waiting_instance<T>(
        &self,
        scope: CallScope<'_>,
        run: impl AsyncFnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, PluginFailure> {
        let configured = &*self.configured;
        let _sample = self.metrics.sample();
        let mut turns = Turns::new(configured.plugin.engine.turnstile());
        if configured.setup.pace.is_slow() {
            turns.wait().await;
        }
        let mut lease = configured.pool.lease_waiting(configured.create_waiting(&mut turns)).await?;
        let meter = lease.instance.begin_turns(configured.plugin.limits().cpu);
        match turns.run(&meter, Some(scope), run(&mut lease.instance)).await {
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

impl ConfiguredPolicy {
    /// [`Self::create`] in turns: starting may take a guest longer than any call.
    async fn create_waiting(&self, turns: &mut Turns) -> Result<Instance, PluginFailure> {
        let program = self.image.as_ref().unwrap_or(&self.plugin.program);
        Ok(Instance::start_waiting(&self.plugin, program, &self.setup, turns).await?)
    }
}
