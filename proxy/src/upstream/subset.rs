//! Which endpoints of a large set this gateway asks, so that not every gateway keeps connections to each of them.

use std::cmp::Reverse;
use std::fs;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::overlay::Placement;
use crate::config::model::Subset;

/// For each place whether it is outside of the subset.
///
/// Each endpoint is drawn by a hash of the gateway's name and its address (rendezvous hashing), so that another set changes as
/// few places as can be, and gateways of other names ask others. `group` tells among whom so many are drawn.
pub(super) fn outside<G: Ord + Copy>(
    subset: &Subset,
    placements: &[Placement],
    group: impl Fn(&Placement) -> G,
) -> Vec<bool> {
    let gateway = subset.gateway.clone().unwrap_or_else(host_name);
    let mut ranked: Vec<_> = placements.iter().enumerate().collect();
    ranked.sort_by_cached_key(|(_, placement)| (group(placement), Reverse(score(&gateway, placement))));
    let mut is_outside = vec![false; placements.len()];
    let mut taken = 0;
    let mut current = None;
    for (index, placement) in ranked {
        let of = Some(group(placement));
        taken = if of == current { taken + 1 } else { 1 };
        current = of;
        if let Some(is_outside) = is_outside.get_mut(index) {
            *is_outside = taken > subset.size;
        }
    }
    is_outside
}

fn score(gateway: &str, placement: &Placement) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(gateway.as_bytes());
    hasher.write(b"\0");
    hasher.write(placement.address.to_string().as_bytes());
    hasher.finish()
}

/// Containers have one each; where there is none all gateways ask the same.
fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: u16) -> Vec<Placement> {
        let place = |port| Placement {
            address: ([10, 0, 0, 1], port).into(),
            weight: 100,
            zone: "".into(),
            priority: 0,
            draining: false,
            added: false,
        };
        (1..=count).map(place).collect()
    }

    fn inside(gateway: &str, size: u32, places: &[Placement]) -> Vec<String> {
        let subset = Subset { size, gateway: Some(gateway.to_owned()) };
        let outside = outside(&subset, places, |place| place.priority);
        places.iter().zip(outside).filter(|(_, out)| !out).map(|(place, _)| place.address.to_string()).collect()
    }

    #[test]
    fn a_gateway_asks_as_many_as_it_should_of_each_group() {
        let mut places = places(100);
        places.iter_mut().skip(90).for_each(|place| place.priority = 1);
        assert_eq!(inside("edge-1", 8, &places).len(), 16);
        assert_eq!(inside("edge-1", 50, &places).len(), 60);
    }

    #[test]
    fn gateways_of_other_names_ask_others_and_each_endpoint_has_some() {
        let places = places(50);
        let mut asked = std::collections::HashMap::<String, u32>::new();
        for gateway in 0..100 {
            for address in inside(&format!("edge-{gateway}"), 10, &places) {
                *asked.entry(address).or_default() += 1;
            }
        }
        assert_eq!(asked.len(), 50);
        assert!(asked.values().all(|count| (8..=34).contains(count)), "{asked:?}");
    }

    #[test]
    fn an_endpoint_that_goes_moves_one_place() {
        let mut places = places(100);
        let before = inside("edge-1", 10, &places);
        places.retain(|place| place.address.to_string() != before[4]);
        let after = inside("edge-1", 10, &places);
        assert_eq!(after.iter().filter(|address| before.contains(address)).count(), 9);
    }
}
