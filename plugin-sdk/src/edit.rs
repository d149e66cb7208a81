//! Header fields and changes to them.

/// One header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, in lower case.
    pub name: String,
    /// The value, as bytes: it need not be UTF-8 (RFC 9110 section 5.5).
    pub value: Vec<u8>,
}

/// One change to the header fields of a message.
///
/// Nothing is checked here: the gateway checks each edit once, and refuses a decision that holds an illegal or reserved
/// name as a whole. A name that comes from configuration belongs in a [`FieldName`](crate::FieldName).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replace all values of the field by this one.
    Set(Field),
    /// Add a value beside those that are there.
    Append(Field),
    /// Remove all values of the field of this name.
    Remove(String),
}

impl Field {
    /// A field of this name and value.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// Whether a value may stand in a field (RFC 9110 section 5.5): no control character but a tab.
    #[must_use]
    pub fn is_value(value: &[u8]) -> bool {
        value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127))
    }
}

impl Edit {
    /// Replaces all values of a field by one.
    pub fn set(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self::Set(Field::new(name, value))
    }

    /// Adds a value to a field.
    pub fn append(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self::Append(Field::new(name, value))
    }

    /// Removes a field.
    pub fn remove(name: impl Into<String>) -> Self {
        Self::Remove(name.into())
    }
}
