//! What the admin API changed about endpoints at run time.
//!
//! An overlay lives in memory only. It is laid over the endpoints of the configuration file, and over those that were
//! discovered, whenever a snapshot is built, so it outlives reloads of everything else. When the file's own endpoint list
//! of that upstream changes, the file wins: the overlay of that upstream is dropped as a whole, and the reload says so in
//! the log. Whoever edits the file has the last word, and nobody has to guess what a mixture of two intentions means.
//! Discovered endpoints come and go: what was changed about one is forgotten when it goes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::config::model;
use crate::config::model::{Endpoint, EndpointAddress};

/// The heaviest weight there is.
pub const MAX_WEIGHT: u32 = 1000;

/// An endpoint's place in an upstream, file and overlay taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where it listens.
    pub address: EndpointAddress,
    /// Its share, 0 to [`MAX_WEIGHT`].
    pub weight: u32,
    /// Where it is; empty where nothing was written.
    pub zone: Arc<str>,
    /// Endpoints of a lower one go first; 0 for what was added at run time.
    pub priority: u8,
    /// Gets no new requests.
    pub draining: bool,
    /// Whether it was added at run time: nobody else lists it.
    pub added: bool,
}

impl From<&Endpoint> for Placement {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            address: endpoint.address.clone(),
            weight: endpoint.weight,
            zone: Arc::clone(&endpoint.zone),
            priority: endpoint.priority,
            draining: false,
            added: false,
        }
    }
}

/// Why a change was refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// No endpoint of the upstream has this address.
    #[error("the upstream has no endpoint {0}")]
    Unknown(EndpointAddress),
    /// An endpoint of the upstream has this address.
    #[error("the upstream already has the endpoint {0}")]
    AlreadyThere(EndpointAddress),
    /// Not 0 to [`MAX_WEIGHT`].
    #[error("weight {0} is over {MAX_WEIGHT}")]
    Weight(u32),
}

/// The changes to one upstream.
///
/// Held as the list before and the list after: what was added, removed, re-weighted or set draining is the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// What the file says, which is what may overrule it.
    file: FileList,
    /// What is listed, in the file and elsewhere.
    base: Vec<Endpoint>,
    placements: Vec<Placement>,
}

/// The endpoints in the configuration file, by address and by name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileList {
    endpoints: Vec<Endpoint>,
    named: Vec<model::Source>,
}

impl FileList {
    fn of(spec: &model::Upstream) -> Self {
        Self { endpoints: spec.endpoints.clone(), named: spec.named.clone() }
    }

    fn is_of(&self, spec: &model::Upstream) -> bool {
        self.endpoints == spec.endpoints && self.named == spec.named
    }
}

impl Overlay {
    /// An overlay that changes nothing yet about what is listed: in the file, and perhaps elsewhere.
    #[must_use]
    pub fn over(spec: &model::Upstream, listed: &[Endpoint]) -> Self {
        Self { file: FileList::of(spec), base: listed.to_vec(), placements: untouched(listed) }
    }

    /// The endpoints to use where so much is listed: as the overlay changes them, or untouched where the file overruled it.
    #[must_use]
    pub fn apply(&self, spec: &model::Upstream, listed: &[Endpoint]) -> Vec<Placement> {
        match self.file.is_of(spec) {
            true if self.base == listed => self.placements.clone(),
            true => self.moved_to(listed),
            false => untouched(listed),
        }
    }

    /// Whether anything differs from what is listed.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        self.placements != untouched(&self.base)
    }

    /// The same changes to another list: what was touched stays as it was set, what is new comes untouched.
    fn moved_to(&self, listed: &[Endpoint]) -> Vec<Placement> {
        let before: HashMap<_, _> = self.base.iter().map(|endpoint| (&endpoint.address, endpoint)).collect();
        let set: HashMap<_, _> = self.placements.iter().map(|placement| (&placement.address, placement)).collect();
        let still = |endpoint: &Endpoint| match (before.get(&endpoint.address), set.get(&endpoint.address)) {
            (Some(_), None) => None,
            (Some(before), Some(set)) => {
                let weight = if set.weight == before.weight { endpoint.weight } else { set.weight };
                Some(Placement { weight, draining: set.draining, ..Placement::from(endpoint) })
            }
            (None, Some(set)) => Some(Placement { added: false, ..(*set).clone() }),
            (None, None) => Some(Placement::from(endpoint)),
        };
        let kept: HashSet<_> = listed.iter().map(|endpoint| &endpoint.address).collect();
        let added = self.placements.iter().filter(|placement| placement.added && !kept.contains(&placement.address));
        listed.iter().filter_map(still).chain(added.cloned()).collect()
    }

    fn rebase(&mut self, listed: &[Endpoint]) {
        if self.base != listed {
            self.placements = self.moved_to(listed);
            self.base = listed.to_vec();
        }
    }

    /// Adds an endpoint after all others.
    ///
    /// # Errors
    /// The address is there already, or the weight is out of range.
    pub fn add(&mut self, address: EndpointAddress, weight: u32) -> Result<(), OverlayError> {
        check_weight(weight)?;
        if self.find(&address).is_ok() {
            return Err(OverlayError::AlreadyThere(address));
        }
        self.placements.push(Placement {
            address,
            weight,
            zone: Arc::default(),
            priority: 0,
            draining: false,
            added: true,
        });
        Ok(())
    }

    /// Removes an endpoint, whoever named it; requests under way end in peace.
    ///
    /// # Errors
    /// The address is not there.
    pub fn remove(&mut self, address: &EndpointAddress) -> Result<(), OverlayError> {
        self.find(address)?;
        self.placements.retain(|placement| placement.address != *address);
        Ok(())
    }

    /// Gives an endpoint another share; 0 takes no new requests.
    ///
    /// # Errors
    /// The address is not there, or the weight is out of range.
    pub fn set_weight(&mut self, address: &EndpointAddress, weight: u32) -> Result<(), OverlayError> {
        check_weight(weight)?;
        self.find(address)?.weight = weight;
        Ok(())
    }

    /// Starts or ends draining.
    ///
    /// # Errors
    /// The address is not there.
    pub fn set_draining(&mut self, address: &EndpointAddress, draining: bool) -> Result<(), OverlayError> {
        self.find(address)?.draining = draining;
        Ok(())
    }

    fn find(&mut self, address: &EndpointAddress) -> Result<&mut Placement, OverlayError> {
        let mut placements = self.placements.iter_mut();
        placements.find(|placement| placement.address == *address).ok_or_else(|| OverlayError::Unknown(address.clone()))
    }
}

fn untouched(listed: &[Endpoint]) -> Vec<Placement> {
    listed.iter().map(Placement::from).collect()
}

fn check_weight(weight: u32) -> Result<(), OverlayError> {
    if weight > MAX_WEIGHT { Err(OverlayError::Weight(weight)) } else { Ok(()) }
}

/// The overlays of all upstreams; a value, so that a change can be tried on a copy and kept once its snapshot stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlays {
    by_upstream: BTreeMap<String, Overlay>,
}

impl Overlays {
    /// The overlay of an upstream, where it has one.
    #[must_use]
    pub fn get(&self, upstream: &str) -> Option<&Overlay> {
        self.by_upstream.get(upstream)
    }

    /// The overlay of an upstream to be changed, over what is listed now: begun anew where there is none over the file's
    /// present list.
    pub fn edit(&mut self, upstream: &model::Upstream, listed: &[Endpoint]) -> &mut Overlay {
        let fresh = || Overlay::over(upstream, listed);
        let overlay = self.by_upstream.entry(upstream.name.clone()).or_insert_with(fresh);
        if overlay.file.is_of(upstream) {
            overlay.rebase(listed);
        } else {
            *overlay = fresh();
        }
        overlay
    }

    /// Drops what the file has overruled: overlays whose upstream has another endpoint list now, or is gone. The others
    /// forget endpoints that nobody lists any more.
    ///
    /// Returns the names of the upstreams that lost a change by it, for the log of the reload.
    pub fn follow<'a>(
        &mut self,
        upstreams: &'a [model::Upstream],
        listed: impl Fn(&'a model::Upstream) -> Cow<'a, [Endpoint]>,
    ) -> Vec<String> {
        let mut dropped = Vec::new();
        self.by_upstream.retain(|name, overlay| {
            let stands = upstreams.iter().find(|upstream| upstream.name == *name && overlay.file.is_of(upstream));
            match stands {
                Some(upstream) => overlay.rebase(&listed(upstream)),
                None if overlay.changes_anything() => dropped.push(name.clone()),
                None => {}
            }
            stands.is_some()
        });
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::spec;

    fn address(port: u16) -> EndpointAddress {
        EndpointAddress::Ip(([127, 0, 0, 1], port).into())
    }

    fn endpoints(ports: &[u16]) -> Vec<Endpoint> {
        ports
            .iter()
            .map(|port| Endpoint { address: address(*port), weight: 100, zone: "".into(), priority: 0 })
            .collect()
    }

    fn seen(overlay: &Overlay, spec: &model::Upstream, listed: &[Endpoint]) -> Vec<(u16, u32, bool)> {
        overlay.apply(spec, listed).iter().map(|p| (p.address.port().unwrap(), p.weight, p.draining)).collect()
    }

    fn in_file(upstream: &model::Upstream) -> Cow<'_, [Endpoint]> {
        Cow::Borrowed(&upstream.endpoints)
    }

    #[test]
    fn changes_are_laid_over_the_file_in_its_order() {
        let spec = spec("shop", &[1, 2, 3]);
        let file = &spec.endpoints;
        let mut overlay = Overlay::over(&spec, file);
        assert!(!overlay.changes_anything());
        overlay.add(address(9), 50).unwrap();
        overlay.remove(&address(2)).unwrap();
        overlay.set_weight(&address(1), 0).unwrap();
        overlay.set_draining(&address(3), true).unwrap();
        assert_eq!(seen(&overlay, &spec, file), [(1, 0, false), (3, 100, true), (9, 50, false)]);
        assert!(overlay.changes_anything());
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let spec = spec("shop", &[1]);
        let mut overlay = Overlay::over(&spec, &spec.endpoints);
        assert_eq!(overlay.add(address(1), 1), Err(OverlayError::AlreadyThere(address(1))));
        assert_eq!(overlay.add(address(2), 1001), Err(OverlayError::Weight(1001)));
        assert_eq!(overlay.set_weight(&address(1), 1001), Err(OverlayError::Weight(1001)));
        for refused in
            [overlay.remove(&address(2)), overlay.set_weight(&address(2), 1), overlay.set_draining(&address(2), true)]
        {
            assert_eq!(refused, Err(OverlayError::Unknown(address(2))));
        }
        assert_eq!(overlay, Overlay::over(&spec, &spec.endpoints));
    }

    #[test]
    fn an_endpoint_removed_and_added_again_stands_last() {
        let spec = spec("shop", &[1, 2]);
        let mut overlay = Overlay::over(&spec, &spec.endpoints);
        overlay.remove(&address(1)).unwrap();
        overlay.add(address(1), 100).unwrap();
        assert_eq!(seen(&overlay, &spec, &spec.endpoints), [(2, 100, false), (1, 100, false)]);
    }

    #[test]
    fn changes_stay_while_other_endpoints_come_and_go() {
        let spec = spec("shop", &[1]);
        let mut overlay = Overlay::over(&spec, &endpoints(&[1, 2, 3, 4]));
        overlay.remove(&address(2)).unwrap();
        overlay.set_draining(&address(3), true).unwrap();
        overlay.set_weight(&address(4), 7).unwrap();
        overlay.add(address(9), 50).unwrap();
        let later = endpoints(&[1, 4, 3, 2, 5]);
        let expected = [(1, 100, false), (4, 7, false), (3, 100, true), (5, 100, false), (9, 50, false)];
        assert_eq!(seen(&overlay, &spec, &later), expected);
        overlay.rebase(&later);
        assert_eq!(seen(&overlay, &spec, &later), expected);
    }

    #[test]
    fn another_weight_in_the_list_counts_where_nobody_set_one() {
        let spec = spec("shop", &[]);
        let mut overlay = Overlay::over(&spec, &endpoints(&[1, 2]));
        overlay.set_draining(&address(1), true).unwrap();
        overlay.set_weight(&address(2), 7).unwrap();
        let mut later = endpoints(&[1, 2]);
        later.iter_mut().for_each(|endpoint| endpoint.weight = 50);
        assert_eq!(seen(&overlay, &spec, &later), [(1, 50, true), (2, 7, false)]);
    }

    #[test]
    fn what_was_changed_about_an_endpoint_is_forgotten_when_it_goes() {
        let spec = spec("shop", &[]);
        let mut overlays = Overlays::default();
        overlays.edit(&spec, &endpoints(&[1, 2])).remove(&address(1)).unwrap();
        overlays.follow(std::slice::from_ref(&spec), |_| endpoints(&[2]).into());
        assert!(!overlays.get("shop").unwrap().changes_anything());
        assert_eq!(
            seen(overlays.get("shop").unwrap(), &spec, &endpoints(&[1, 2])).len(),
            2,
            "it is new when it is back"
        );
    }

    #[test]
    fn an_endpoint_that_was_added_and_is_listed_then_is_one_endpoint() {
        let spec = spec("shop", &[]);
        let mut overlay = Overlay::over(&spec, &endpoints(&[1]));
        overlay.add(address(2), 7).unwrap();
        assert_eq!(seen(&overlay, &spec, &endpoints(&[2, 1])), [(2, 7, false), (1, 100, false)]);
    }

    #[test]
    fn an_overlay_survives_while_the_file_keeps_the_endpoint_list() {
        let mut spec = spec("shop", &[1, 2]);
        let mut overlays = Overlays::default();
        overlays.edit(&spec, &spec.endpoints).add(address(9), 100).unwrap();
        spec.retries += 1;
        assert_eq!(overlays.follow(std::slice::from_ref(&spec), in_file), [""; 0]);
        assert_eq!(overlays.get("shop").unwrap().apply(&spec, &spec.endpoints).len(), 3);
    }

    #[test]
    fn the_file_wins_when_its_endpoint_list_changes() {
        let mut spec = spec("shop", &[1, 2]);
        let mut overlays = Overlays::default();
        overlays.edit(&spec, &spec.endpoints).add(address(9), 100).unwrap();
        spec.endpoints.pop();
        assert_eq!(
            seen(overlays.get("shop").unwrap(), &spec, &spec.endpoints),
            [(1, 100, false)],
            "even before it is dropped"
        );
        assert_eq!(overlays.follow(std::slice::from_ref(&spec), in_file), ["shop"]);
        assert_eq!(overlays.get("shop"), None);
    }

    #[test]
    fn an_overlay_that_changes_nothing_is_dropped_in_silence() {
        let mut overlays = Overlays::default();
        let spec = spec("shop", &[1]);
        overlays.edit(&spec, &spec.endpoints);
        assert_eq!(overlays.follow(&[], in_file), [""; 0]);
        assert_eq!(overlays, Overlays::default());
    }

    #[test]
    fn editing_an_overlay_the_file_overruled_begins_anew() {
        let mut overlays = Overlays::default();
        let (before, after) = (spec("shop", &[1]), spec("shop", &[1, 2]));
        overlays.edit(&before, &before.endpoints).set_draining(&address(1), true).unwrap();
        assert!(!overlays.edit(&after, &after.endpoints).changes_anything());
    }
}
