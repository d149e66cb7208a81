//! Names and values in query strings (`application/x-www-form-urlencoded`).

/// The decoded values of a parameter, in order.
#[must_use]
pub fn values(query: &str, name: &str) -> Vec<Vec<u8>> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| decode(key) == name.as_bytes())
        .map(|(_, value)| decode(value))
        .collect()
}

/// Undoes percent-encoding and `+`; an escape that is none stays as it is.
#[must_use]
pub fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = next(rest) {
        decoded.push(byte);
        rest = tail;
    }
    decoded
}

/// Writes a name or a value so that it is nothing but that.
pub fn encode(text: &[u8], query: &mut Vec<u8>) {
    for byte in text {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        if is_plain { query.push(*byte) } else { encode_byte(*byte, query) }
    }
}

/// `%2F` for a slash.
pub(crate) fn encode_byte(byte: u8, text: &mut Vec<u8>) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'A' + value - 10 };
    text.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
}

fn next(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [] => None,
        [b'+', tail @ ..] => Some((b' ', tail)),
        [b'%', high, low, tail @ ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => Some((high << 4 | low, tail)),
            _ => text.split_first().map(|(byte, tail)| (*byte, tail)),
        },
        [byte, tail @ ..] => Some((*byte, tail)),
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_again(value: Vec<u8>) {
            let encoded: String = value.iter().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(values(&format!("a=b&key={encoded}&c"), "key"), [value]);
        }

        #[test]
        fn what_encode_makes_is_decoded_again(value: Vec<u8>) {
            let mut encoded = Vec::new();
            encode(&value, &mut encoded);
            prop_assert_eq!(decode(&String::from_utf8(encoded).unwrap()), value);
        }

        #[test]
        fn no_query_is_decoded_to_more_than_it_holds(query: String, name: String) {
            let decoded: usize = values(&query, &name).iter().map(Vec::len).sum();
            prop_assert!(decoded <= query.len());
        }
    }

    #[test]
    fn every_value_of_a_parameter_is_found_in_order() {
        assert_eq!(values("key=a&other=b&key=c&key", "key"), [b"a".to_vec(), b"c".to_vec(), Vec::new()]);
    }

    #[test]
    fn names_and_values_are_decoded() {
        assert_eq!(values("%6bey=a%2Bb+c", "key"), [b"a+b c".to_vec()]);
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(values("key=%zz%4", "key"), [b"%zz%4".to_vec()]);
    }
}
