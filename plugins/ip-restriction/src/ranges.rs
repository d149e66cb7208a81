//! Sets of addresses, quick to ask however many networks they are made of.

use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses, as ranges without gaps between two neighbours; IPv4 and IPv6 apart, since neither contains the other.
#[derive(Debug, Default)]
pub(crate) struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

/// First and last of each range, in order, no two of them touching.
#[derive(Debug, Default)]
struct Ranges<T>(Vec<(T, T)>);

impl AddressSet {
    pub(crate) fn of(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        // Neighbours and parts of each other become one.
        for network in IpNet::aggregate(&networks.into_iter().collect()) {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }
}

impl<T: Ord + Copy> Ranges<T> {
    fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        Self(ranges)
    }

    /// The last range that begins at or before the value is the only one that can hold it.
    fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= value);
        after.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|(_, last)| value <= *last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(networks: &[&str]) -> AddressSet {
        AddressSet::of(networks.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn a_network_holds_its_first_and_its_last_address_and_no_more() {
        let set = set(&["192.0.2.64/26", "2001:db8::/126"]);
        let held = |address: &str| set.contains(address.parse().unwrap());
        assert!(held("192.0.2.64") && held("192.0.2.127") && held("2001:db8::") && held("2001:db8::3"));
        assert!(!held("192.0.2.63") && !held("192.0.2.128") && !held("2001:db8::4") && !held("::192.0.2.64"));
    }

    #[test]
    fn everything_is_a_network_too() {
        let set = set(&["0.0.0.0/0"]);
        assert!(set.contains([0, 0, 0, 0].into()) && set.contains([255, 255, 255, 255].into()));
        assert!(!set.contains("::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_set_holds_what_any_of_its_networks_holds(
            networks in prop::collection::vec((0_u32..4096, 20_u8..33), 0..40), address in 0_u32..4096
        ) {
            let networks: Vec<_> = networks
                .iter()
                .map(|(bits, length)| IpNet::new(IpAddr::from(bits.to_be_bytes()), *length).unwrap().trunc())
                .collect();
            let address = IpAddr::from(address.to_be_bytes());
            let expected = networks.iter().any(|network| network.contains(&address));
            prop_assert_eq!(AddressSet::of(networks).contains(address), expected);
        }
    }
}
