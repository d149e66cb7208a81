//! What the admin API changed about endpoints at run time.
//!
//! An overlay lives in memory only. It is laid over the endpoints of the configuration file whenever a snapshot is built,
//! so it outlives reloads of everything else. When the file's own endpoint list of that upstream changes, the file wins:
//! the overlay of that upstream is dropped as a whole, and the reload says so in the log. Whoever edits the file has the
//! last word, and nobody has to guess what a mixture of two intentions means.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::model;
use crate::config::model::EndpointAddress;

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
}

impl From<&model::Endpoint> for Placement {
    fn from(endpoint: &model::Endpoint) -> Self {
        Self {
            address: endpoint.address.clone(),
            weight: endpoint.weight,
            zone: Arc::clone(&endpoint.zone),
            priority: endpoint.priority,
            draining: false,
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
    file: Vec<model::Endpoint>,
    placements: Vec<Placement>,
}

impl Overlay {
    /// An overlay that changes nothing yet about this list.
    #[must_use]
    pub fn over(file: &[model::Endpoint]) -> Self {
        Self { file: file.to_vec(), placements: file.iter().map(Placement::from).collect() }
    }

    /// The endpoints to use where the file says `file`: those the overlay made of it, or the file's own where this is not
    /// the list the overlay was made over.
    #[must_use]
    pub fn apply(&self, file: &[model::Endpoint]) -> Vec<Placement> {
        if self.file == file { self.placements.clone() } else { Self::over(file).placements }
    }

    /// Whether anything differs from the file.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        self.placements != Self::over(&self.file).placements
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
        self.placements.push(Placement { address, weight, zone: Arc::default(), priority: 0, draining: false });
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

    /// The overlay of an upstream to be changed: begun anew where there is none over the file's present list.
    pub fn edit(&mut self, upstream: &model::Upstream) -> &mut Overlay {
        let fresh = || Overlay::over(&upstream.endpoints);
        let overlay = self.by_upstream.entry(upstream.name.clone()).or_insert_with(fresh);
        if overlay.file != upstream.endpoints {
            *overlay = fresh();
        }
        overlay
    }

    /// Drops what the file has overruled: overlays whose upstream has another endpoint list now, or is gone.
    ///
    /// Returns the names of the upstreams that lost a change by it, for the log of the reload.
    pub fn follow(&mut self, upstreams: &[model::Upstream]) -> Vec<String> {
        let stands = |name: &str, overlay: &Overlay| {
            upstreams.iter().any(|upstream| upstream.name == name && upstream.endpoints == overlay.file)
        };
        let mut dropped = Vec::new();
        self.by_upstream.retain(|name, overlay| {
            let keep = stands(name, overlay);
            if !keep && overlay.changes_anything() {
                dropped.push(name.clone());
            }
            keep
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

    fn file(ports: &[u16]) -> Vec<model::Endpoint> {
        ports
            .iter()
            .map(|port| model::Endpoint { address: address(*port), weight: 100, zone: "".into(), priority: 0 })
            .collect()
    }

    fn seen(overlay: &Overlay, file: &[model::Endpoint]) -> Vec<(u16, u32, bool)> {
        overlay.apply(file).iter().map(|p| (p.address.port().unwrap(), p.weight, p.draining)).collect()
    }

    #[test]
    fn changes_are_laid_over_the_file_in_its_order() {
        let file = file(&[1, 2, 3]);
        let mut overlay = Overlay::over(&file);
        assert!(!overlay.changes_anything());
        overlay.add(address(9), 50).unwrap();
        overlay.remove(&address(2)).unwrap();
        overlay.set_weight(&address(1), 0).unwrap();
        overlay.set_draining(&address(3), true).unwrap();
        assert_eq!(seen(&overlay, &file), [(1, 0, false), (3, 100, true), (9, 50, false)]);
        assert!(overlay.changes_anything());
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let file = file(&[1]);
        let mut overlay = Overlay::over(&file);
        assert_eq!(overlay.add(address(1), 1), Err(OverlayError::AlreadyThere(address(1))));
        assert_eq!(overlay.add(address(2), 1001), Err(OverlayError::Weight(1001)));
        assert_eq!(overlay.set_weight(&address(1), 1001), Err(OverlayError::Weight(1001)));
        for refused in
            [overlay.remove(&address(2)), overlay.set_weight(&address(2), 1), overlay.set_draining(&address(2), true)]
        {
            assert_eq!(refused, Err(OverlayError::Unknown(address(2))));
        }
        assert_eq!(overlay, Overlay::over(&file));
    }

    #[test]
    fn an_endpoint_removed_and_added_again_stands_last() {
        let file = file(&[1, 2]);
        let mut overlay = Overlay::over(&file);
        overlay.remove(&address(1)).unwrap();
        overlay.add(address(1), 100).unwrap();
        assert_eq!(seen(&overlay, &file), [(2, 100, false), (1, 100, false)]);
    }

    #[test]
    fn an_overlay_survives_while_the_file_keeps_the_endpoint_list() {
        let mut spec = spec("shop", &[1, 2]);
        let mut overlays = Overlays::default();
        overlays.edit(&spec).add(address(9), 100).unwrap();
        spec.retries += 1;
        assert_eq!(overlays.follow(std::slice::from_ref(&spec)), [""; 0]);
        assert_eq!(overlays.get("shop").unwrap().apply(&spec.endpoints).len(), 3);
    }

    #[test]
    fn the_file_wins_when_its_endpoint_list_changes() {
        let mut spec = spec("shop", &[1, 2]);
        let mut overlays = Overlays::default();
        overlays.edit(&spec).add(address(9), 100).unwrap();
        spec.endpoints.pop();
        assert_eq!(
            seen(overlays.get("shop").unwrap(), &spec.endpoints),
            [(1, 100, false)],
            "even before it is dropped"
        );
        assert_eq!(overlays.follow(std::slice::from_ref(&spec)), ["shop"]);
        assert_eq!(overlays.get("shop"), None);
    }

    #[test]
    fn an_overlay_that_changes_nothing_is_dropped_in_silence() {
        let mut overlays = Overlays::default();
        overlays.edit(&spec("shop", &[1]));
        assert_eq!(overlays.follow(&[]), [""; 0]);
        assert_eq!(overlays, Overlays::default());
    }

    #[test]
    fn editing_an_overlay_the_file_overruled_begins_anew() {
        let mut overlays = Overlays::default();
        overlays.edit(&spec("shop", &[1])).set_draining(&address(1), true).unwrap();
        assert!(!overlays.edit(&spec("shop", &[1, 2])).changes_anything());
    }
}
