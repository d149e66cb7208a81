//! What a component decides on.

/// A part of the contract that a component may export to be asked about something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Decides on requests.
    Request,
    /// Says which limits a request is held to.
    Limit,
    /// Decides on responses.
    Response,
    /// Sees bodies.
    Body,
    /// Picks endpoints.
    Balancer,
    /// Hears of exchanges that are over.
    Observer,
}

impl Role {
    /// Its interface in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request-policy",
            Self::Limit => "limit-policy",
            Self::Response => "response-policy",
            Self::Body => "body-policy",
            Self::Balancer => "balancer",
            Self::Observer => "observer",
        }
    }
}

/// Which roles a component has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// [`Role::Request`]
    pub request: bool,
    /// [`Role::Limit`]
    pub limit: bool,
    /// [`Role::Response`]
    pub response: bool,
    /// [`Role::Body`]
    pub body: bool,
    /// [`Role::Balancer`]
    pub balancer: bool,
    /// [`Role::Observer`]
    pub observer: bool,
}

impl Roles {
    /// Those that are there, in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        let Self { request, limit, response, body, balancer, observer } = self;
        let all = [
            (request, Role::Request),
            (limit, Role::Limit),
            (response, Role::Response),
            (body, Role::Body),
            (balancer, Role::Balancer),
            (observer, Role::Observer),
        ];
        all.into_iter().filter(|(is_there, _)| *is_there).map(|(_, role)| role)
    }

    /// By the names the contract gives them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Role::name).collect()
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
