//! Random ids (RFC 9562 section 5.4: UUID version 4).

use tidegate_plugin_sdk::random;

/// One of 2^122, as text of 36 characters.
pub(crate) fn random() -> String {
    text(u128::from_be_bytes(random::bytes()))
}

/// Puts version and variant in their places.
fn text(random: u128) -> String {
    let bits = random & !(0xf << 76 | 0b11 << 62) | 4 << 76 | 0b10 << 62;
    let part = |shift: u32, digits: u32| (bits >> shift) & ((1 << (4 * digits)) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_are_in_their_places_whatever_the_rest_is() {
        assert_eq!(text(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(text(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(text(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), "01234567-89ab-4def-8123-456789abcdef");
    }
}
