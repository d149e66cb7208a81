//! What a component decides on.

/// Which parts of the contract a component exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// `request-policy`
    pub request: bool,
    /// `limit-policy`
    pub limit: bool,
    /// `response-policy`
    pub response: bool,
    /// `body-policy`
    pub body: bool,
    /// `balancer`
    pub balancer: bool,
    /// `observer`
    pub observer: bool,
}

impl Roles {
    /// By the names the contract gives them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let Self { request, limit, response, body, balancer, observer } = self;
        let all = [
            (request, "request-policy"),
            (limit, "limit-policy"),
            (response, "response-policy"),
            (body, "body-policy"),
            (balancer, "balancer"),
            (observer, "observer"),
        ];
        all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect()
    }

    /// Those whose calls keep their worker until they return: the gateway does not wait for them.
    #[must_use]
    pub(super) fn keeping_workers(self) -> Vec<&'static str> {
        let Self { body, balancer, observer, .. } = self;
        Self { body, balancer, observer, ..Self::default() }.names()
    }

    /// Whether a request passes it.
    #[must_use]
    pub fn decides_on_requests(self) -> bool {
        self.request || self.limit
    }
}
