//! Reading of `cookie` fields (RFC 6265 section 4.2.1).

/// The one value of a cookie. There may be several fields (HTTP/2 divides them), and the same value twice is one.
pub(crate) fn sole(fields: &[Vec<u8>], name: &str) -> Option<String> {
    let pairs = fields.iter().flat_map(|field| field.split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| value_of(pair, name));
    let first = values.next()?;
    if values.all(|other| other == first) { String::from_utf8(first.to_vec()).ok() } else { None }
}

fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let value = pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[&str]) -> Option<String> {
        sole(&fields.iter().map(|field| field.as_bytes().to_vec()).collect::<Vec<_>>(), "at")
    }

    #[test]
    fn a_cookie_is_found_among_others_and_over_several_fields() {
        for fields in
            [&["at=1"][..], &["a=2; at=1;b=3"], &["a=2", " at=\"1\" "], &["at=1", "at=1"], &["xat=2; at=1; ata=3; at"]]
        {
            assert_eq!(found(fields).as_deref(), Some("1"), "{fields:?}");
        }
    }

    #[test]
    fn two_cookies_that_differ_are_none() {
        assert_eq!(found(&["at=1; at=2"]), None);
        assert_eq!(found(&["at=1", "at=2"]), None);
        assert_eq!(found(&["a=at=1", "AT=1", ""]), None);
    }
}
