//! Writes what a client sent so that it is a value in the answer, and nothing else.

use tidegate_plugin_sdk::template::{Escape, plain};

/// How values are written in a body of this type; `None` where nobody knows.
pub(crate) fn of(content_type: &str) -> Option<Escape> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/plain" => Some(plain),
        "application/json" => Some(json),
        "text/html" | "text/xml" | "application/xml" | "image/svg+xml" => Some(markup),
        other if other.ends_with("+json") => Some(json),
        other if other.ends_with("+xml") => Some(markup),
        _ => None,
    }
}

/// The inside of a JSON string (RFC 8259 section 7). What is no UTF-8 becomes the character that says so.
fn json(value: &[u8], text: &mut Vec<u8>) {
    for character in String::from_utf8_lossy(value).chars() {
        match character {
            '"' => text.extend(b"\\\""),
            '\\' => text.extend(b"\\\\"),
            // The angle bracket too: JSON ends up inside of scripts.
            '\0'..='\u{1f}' | '<' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                text.extend(format!("\\u{:04x}", u32::from(character)).bytes());
            }
            other => text.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

/// Text or a quoted attribute in HTML and XML.
fn markup(value: &[u8], text: &mut Vec<u8>) {
    for character in String::from_utf8_lossy(value).chars() {
        match character {
            '&' => text.extend(b"&amp;"),
            '<' => text.extend(b"&lt;"),
            '>' => text.extend(b"&gt;"),
            '"' => text.extend(b"&quot;"),
            '\'' => text.extend(b"&#39;"),
            other => text.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content_type: &str, value: &[u8]) -> String {
        let mut text = Vec::new();
        of(content_type).unwrap()(value, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn no_value_breaks_out_of_its_place() {
        assert_eq!(written("application/json", b"a\"b\\c\n</script>\xff"), "a\\\"b\\\\c\\u000a\\u003c/script>\u{fffd}");
        assert_eq!(written("text/HTML; charset=utf-8", b"<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
        assert_eq!(written("application/problem+json", b"\""), "\\\"");
        assert_eq!(written("application/atom+xml", b"<"), "&lt;");
        assert!(of("text/css").is_none() && of("application/javascript").is_none() && of("").is_none());
    }
}
