//! A policy that sees bodies.

use super::{PluginFailure, PolicyRuntime, Role};
use crate::observe::metrics::CallOutcome;
use crate::plugin::decisions::question::Messages;
use crate::policy::body::{Action, Attention, Piece, Step};
use crate::policy::view::{RequestView, ResponseView};

impl PolicyRuntime {
    /// The most bytes of one body that are kept for it.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.configured.plugin.limits().body
    }

    /// Asks how the body of a request is to be shown.
    ///
    /// # Errors
    /// The plugin failed.
    pub fn attend_request(&self, request: &dyn RequestView) -> Result<Attention, PluginFailure> {
        let scope = self.scope(Messages { request, response: None }, None);
        let attention = self.call(scope, |instance| Ok(instance.attend_request()?.unwrap_or(Attention::Skip)));
        self.count(scope.asked(Role::Body), attention, |_| CallOutcome::Forward)
    }

    /// Asks how the body of a response is to be shown.
    ///
    /// # Errors
    /// The plugin failed.
    pub fn attend_response(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
    ) -> Result<Attention, PluginFailure> {
        let scope = self.scope(Messages { request, response: Some(response) }, None);
        let attention = self.call(scope, |instance| Ok(instance.attend_response()?.unwrap_or(Attention::Skip)));
        self.count(scope.asked(Role::Body), attention, |_| CallOutcome::Forward)
    }

    /// Shows a piece of a request's body.
    ///
    /// # Errors
    /// The plugin failed; the piece is as it was.
    pub fn on_request_body(&self, request: &dyn RequestView, piece: Piece<'_>) -> Result<Step, PluginFailure> {
        let scope = self.scope(Messages { request, response: None }, None);
        let (rules, most) = (self.rules(), self.configured.plugin.most_output());
        let step = self.call(scope, |instance| Ok(instance.on_request_body(piece, rules, most)?.unwrap_or_else(pass)));
        self.count(scope.asked(Role::Body), step, outcome)
    }

    /// Shows a piece of a response's body.
    ///
    /// # Errors
    /// The plugin failed; the piece is as it was.
    pub fn on_response_body(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
        piece: Piece<'_>,
    ) -> Result<Step, PluginFailure> {
        let scope = self.scope(Messages { request, response: Some(response) }, None);
        let (rules, most) = (self.rules(), self.configured.plugin.most_output());
        let step = self.call(scope, |instance| Ok(instance.on_response_body(piece, rules, most)?.unwrap_or_else(pass)));
        self.count(scope.asked(Role::Body), step, outcome)
    }
}

fn pass() -> Step {
    Step { action: Action::Pass, memory: Vec::new() }
}

fn outcome(step: &Step) -> CallOutcome {
    match step.action {
        Action::Respond(_) => CallOutcome::Respond,
        Action::Pass | Action::Replace(_) | Action::Hold | Action::Finish(_) => CallOutcome::Forward,
    }
}
