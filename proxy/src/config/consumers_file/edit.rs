//! Changes to a file of consumers that leave the rest of it, comments too, as it is.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::consumers::PasswordHash;

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no TOML.
    #[error("the file is not TOML: {0}")]
    Syntax(String),
    /// Consumers are there in another form than `[[consumer]]`.
    #[error("`{0}` is not written in the form that can be changed")]
    Form(String),
    /// It is to be added, and is there.
    #[error("there is a consumer named {0:?} already")]
    Known(String),
    /// It is to be changed, and is not there.
    #[error("there is no consumer named {0:?}")]
    Unknown(String),
}

/// The text of a file of consumers, to be changed.
#[derive(Clone, Debug)]
pub struct ConsumersText(DocumentMut);

impl ConsumersText {
    /// Takes a text; an empty one is a file without consumers.
    ///
    /// # Errors
    /// It is no TOML.
    pub fn new(text: &str) -> Result<Self, EditError> {
        text.parse().map(Self).map_err(|error: toml_edit::TomlError| EditError::Syntax(error.message().to_owned()))
    }

    /// Adds a consumer at the end.
    ///
    /// # Errors
    /// It is there already.
    pub fn add(&mut self, name: &str, tags: &[String]) -> Result<(), EditError> {
        match self.find(name) {
            Ok(_) => return Err(EditError::Known(name.to_owned())),
            Err(EditError::Unknown(_)) => {}
            Err(other) => return Err(other),
        }
        let mut table = Table::new();
        table.insert("name", value(name));
        if !tags.is_empty() {
            table.insert("tags", value(tags.iter().map(String::as_str).collect::<Array>()));
        }
        if self.all()?.is_empty() {
            // What a file begins with stays its beginning.
            table.decor_mut().set_prefix(self.0.trailing().clone());
            self.0.set_trailing("");
        }
        self.all()?.push(table);
        Ok(())
    }

    /// Adds the hash of an API key.
    ///
    /// # Errors
    /// There is no such consumer.
    pub fn add_key(&mut self, name: &str, hash: [u8; 32]) -> Result<(), EditError> {
        self.add_digest(name, "keys", hash)
    }

    /// Adds the digest of a certificate.
    ///
    /// # Errors
    /// There is no such consumer.
    pub fn add_certificate(&mut self, name: &str, sha256: [u8; 32]) -> Result<(), EditError> {
        self.add_digest(name, "certificates", sha256)
    }

    fn add_digest(&mut self, name: &str, key: &str, sha256: [u8; 32]) -> Result<(), EditError> {
        let known = self.find(name)?.entry(key).or_insert_with(|| value(Array::new()));
        let known = known.as_array_mut().ok_or_else(|| EditError::Form(key.into()))?;
        known.push(format!("sha256:{}", hex::encode(sha256)));
        Ok(())
    }

    /// Sets the password.
    ///
    /// # Errors
    /// There is no such consumer.
    pub fn set_password(&mut self, name: &str, hash: &PasswordHash) -> Result<(), EditError> {
        self.find(name)?.insert("password", value(hash.as_str()));
        Ok(())
    }

    /// Adds a secret to sign requests with.
    ///
    /// # Errors
    /// There is no such consumer.
    pub fn add_signing_key(&mut self, name: &str, id: &str, secret: &str) -> Result<(), EditError> {
        self.add_section(name, "signing_key", [("id", id), ("secret", secret)])
    }

    /// Adds what an issuer of tokens calls the consumer.
    ///
    /// # Errors
    /// There is no such consumer, or its subjects are written inline.
    pub fn add_subject(&mut self, name: &str, issuer: &str, subject: &str) -> Result<(), EditError> {
        self.add_section(name, "subject", [("issuer", issuer), ("subject", subject)])
    }

    fn add_section(&mut self, name: &str, key: &str, fields: [(&str, &str); 2]) -> Result<(), EditError> {
        let all = self.find(name)?.entry(key).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let all = all.as_array_of_tables_mut().ok_or_else(|| EditError::Form(key.into()))?;
        all.push(fields.into_iter().map(|(field, text)| (field, value(text))).collect());
        Ok(())
    }

    /// Removes a consumer, with all it is known by.
    ///
    /// # Errors
    /// There is no such consumer.
    pub fn remove(&mut self, name: &str) -> Result<(), EditError> {
        self.find(name)?;
        self.all()?.retain(|table| !is_named(table, name));
        Ok(())
    }

    fn all(&mut self) -> Result<&mut ArrayOfTables, EditError> {
        let all = self.0.entry("consumer").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        all.as_array_of_tables_mut().ok_or_else(|| EditError::Form("consumer".into()))
    }

    fn find(&mut self, name: &str) -> Result<&mut Table, EditError> {
        let found = self.all()?.iter_mut().find(|table| is_named(table, name));
        found.ok_or_else(|| EditError::Unknown(name.to_owned()))
    }
}

impl std::fmt::Display for ConsumersText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn is_named(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}
