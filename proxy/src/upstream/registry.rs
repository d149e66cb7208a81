//! Endpoints by upstream and address, for the life of the process.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::endpoint::Endpoint;
use crate::balance::sticky::StickyKey;
use crate::config::model::EndpointAddress;

/// Hands the same [`Endpoint`] to every snapshot that names it.
///
/// Nothing is kept alive from here: an endpoint lives while a snapshot, a request under way or a check holds it. One that
/// is named again before that is still the same, with its health and its counts; one that is named again later is new.
#[derive(Debug, Default)]
pub struct EndpointRegistry {
    known: Mutex<Known>,
    /// What endpoints are called in cookies, while no secret of the configuration's says it.
    pub sticky_key: StickyKey,
}

#[derive(Debug, Default)]
struct Known {
    upstreams: HashMap<Arc<str>, HashMap<EndpointAddress, Weak<Endpoint>>>,
    /// Endpoints to be added until those that nobody holds are looked for again.
    until_sweep: usize,
}

/// So many endpoints that nobody holds may lie about at any time.
const FEW: usize = 64;

impl EndpointRegistry {
    /// The endpoint of this upstream at this address, made where none is alive.
    pub fn endpoint(&self, upstream: &str, address: EndpointAddress) -> Arc<Endpoint> {
        let mut known = self.known.lock();
        let alive = known.upstreams.get(upstream).and_then(|endpoints| endpoints.get(&address)?.upgrade());
        alive.unwrap_or_else(|| {
            known.sweep_where_due();
            known.create(upstream, address)
        })
    }

    /// Every endpoint alive now, by upstream and address: one that no snapshot names any more appears until its last
    /// request ends.
    #[cfg(test)]
    fn alive(&self) -> Vec<Arc<Endpoint>> {
        let known = self.known.lock();
        let mut alive: Vec<_> = known.upstreams.values().flat_map(HashMap::values).filter_map(Weak::upgrade).collect();
        alive.sort_by(|a, b| (&a.upstream, &a.address).cmp(&(&b.upstream, &b.address)));
        alive
    }
}

impl Known {
    /// Runs once as many were added as were alive the last time: what it costs is paid by them, and what is dead never
    /// outnumbers what was alive by much.
    fn sweep_where_due(&mut self) {
        if self.until_sweep > 0 {
            self.until_sweep -= 1;
            return;
        }
        self.upstreams.retain(|_, endpoints| {
            endpoints.retain(|_, endpoint| endpoint.strong_count() > 0);
            !endpoints.is_empty()
        });
        self.until_sweep = self.upstreams.values().map(HashMap::len).sum::<usize>().max(FEW);
    }

    fn create(&mut self, upstream: &str, address: EndpointAddress) -> Arc<Endpoint> {
        let name = self.upstreams.get_key_value(upstream);
        let name = name.map_or_else(|| Arc::from(upstream), |(name, _)| Arc::clone(name));
        let endpoint = Arc::new(Endpoint::new(Arc::clone(&name), address.clone()));
        self.upstreams.entry(name).or_default().insert(address, Arc::downgrade(&endpoint));
        endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> EndpointAddress {
        EndpointAddress::Ip(([127, 0, 0, 1], port).into())
    }

    #[test]
    fn an_address_named_again_while_alive_is_the_same_endpoint() {
        let registry = EndpointRegistry::default();
        let first = registry.endpoint("shop", address(1));
        first.mark(false, "down");
        assert!(Arc::ptr_eq(&first, &registry.endpoint("shop", address(1))));
        assert!(registry.endpoint("stock", address(1)).is_healthy(), "another upstream's is another endpoint");
    }

    #[test]
    fn an_endpoint_nobody_holds_is_forgotten_with_its_health() {
        let registry = EndpointRegistry::default();
        let first = registry.endpoint("shop", address(1));
        first.mark(false, "down");
        let under_way = first.enter();
        drop(first);
        assert_eq!(registry.alive().len(), 1, "a request under way keeps it");
        drop(under_way);
        assert!(registry.alive().is_empty());
        assert!(registry.endpoint("shop", address(1)).is_healthy());
    }

    #[test]
    fn forgotten_endpoints_leave_little_behind() {
        let registry = EndpointRegistry::default();
        for port in 1..1000 {
            drop(registry.endpoint(&format!("upstream-{port}"), address(port)));
            assert!(registry.known.lock().upstreams.len() <= FEW + 1);
        }
    }

    #[test]
    fn endpoints_are_listed_by_upstream_and_address() {
        let registry = EndpointRegistry::default();
        let _held: Vec<_> =
            [("b", 1), ("a", 2), ("a", 1)].map(|(name, port)| registry.endpoint(name, address(port))).into();
        let listed: Vec<_> =
            registry.alive().iter().map(|e| (e.upstream.to_string(), e.address.port().unwrap())).collect();
        assert_eq!(listed, [("a".into(), 1), ("a".into(), 2), ("b".into(), 1)]);
    }
}
