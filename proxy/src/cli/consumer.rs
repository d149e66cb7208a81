//! `tidegate consumer`: the file of consumers, changed safely.

mod store;
#[cfg(test)]
mod tests;

use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use rand::Rng;
use sha2::{Digest, Sha256};

use super::{print, say};
use crate::certificates;
use crate::config::model::Consumer;
use crate::consumers::PasswordHash;
use store::Store;

/// 256 bits: nobody guesses them, whatever is tried.
const SECRET_BYTES: usize = 32;

/// What to do with which file.
#[derive(Debug, clap::Args)]
pub(super) struct ConsumerArguments {
    /// The file of consumers; it is made where there is none.
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "consumers.toml",
        env = "TIDEGATE_CONSUMERS",
        global = true
    )]
    file: PathBuf,
    #[command(subcommand)]
    command: ConsumerCommand,
}

#[derive(Debug, Subcommand)]
enum ConsumerCommand {
    /// Add a consumer. Example: tidegate consumer add alice --tag gold
    Add {
        /// Its name, as upstreams, policies and logs will see it.
        name: String,
        /// A tag that policies may ask for; again for another.
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Make an API key, and print it: this once, since only its hash is kept.
    Key {
        /// Whose.
        name: String,
    },
    /// Set the password, read as one line from standard input. Example: tidegate consumer password alice < secret.txt
    Password {
        /// Whose.
        name: String,
    },
    /// Make a secret to sign requests with, and print its id and the secret.
    SigningKey {
        /// Whose.
        name: String,
        /// What signed requests will name it by; drawn where none is given.
        #[arg(long)]
        id: Option<String>,
    },
    /// Add the certificate that the consumer will show in TLS handshakes: the first one in a PEM file.
    Certificate {
        /// Whose.
        name: String,
        /// The file; its key is not needed. Example: tidegate consumer certificate alice alice.crt
        certificate: PathBuf,
    },
    /// Add the subject by which an issuer of tokens calls the consumer.
    Subject {
        /// Whose.
        name: String,
        /// The claim "iss" of the tokens. Example: tidegate consumer subject alice https://accounts.example 248289761001
        issuer: String,
        /// The claim "sub" that this issuer gave to this client.
        subject: String,
    },
    /// Say who there is, and what they are recognised by.
    List,
    /// Remove a consumer, with all it is recognised by.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Does what the arguments say.
///
/// # Errors
/// The file cannot be read or written, or would not be right.
pub(super) fn main(arguments: &ConsumerArguments) -> anyhow::Result<()> {
    let store = Store::at(&arguments.file);
    match &arguments.command {
        ConsumerCommand::Add { name, tags } => store.change(|text| text.add(name, tags)),
        ConsumerCommand::Key { name } => {
            let key = random();
            store.change(|text| text.add_key(name, Sha256::digest(&key).into()))?;
            print(&key);
            say("this is the only time that the key is shown");
            Ok(())
        }
        ConsumerCommand::Password { name } => {
            let hash = hashed(&one_line(&mut std::io::stdin().lock())?)?;
            store.change(|text| text.set_password(name, &hash))
        }
        ConsumerCommand::SigningKey { name, id } => {
            let id =
                id.clone().unwrap_or_else(|| format!("{name}-{}", hex::encode(rand::rng().next_u32().to_be_bytes())));
            let secret = random();
            store.change(|text| text.add_signing_key(name, &id, &secret))?;
            print(&format!("id     {id}\nsecret {secret}"));
            Ok(())
        }
        ConsumerCommand::Certificate { name, certificate } => {
            let sha256 = digest_of_first(certificate)?;
            store.change(|text| text.add_certificate(name, sha256))
        }
        ConsumerCommand::Subject { name, issuer, subject } => {
            store.change(|text| text.add_subject(name, issuer, subject))
        }
        ConsumerCommand::List => {
            store.read()?.iter().for_each(|consumer| print(&described(consumer)));
            Ok(())
        }
        ConsumerCommand::Remove { name } => store.change(|text| text.remove(name)),
    }
}

/// A client shows its own certificate first, and files have it first.
fn digest_of_first(file: &Path) -> anyhow::Result<[u8; 32]> {
    let chain = certificates::read_chain(file)?;
    let certificate = chain.first().context("there is no certificate in it")?;
    Ok(Sha256::digest(certificate).into())
}

fn random() -> String {
    let mut bytes = [0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What stands before the first line break: tools and editors add one.
fn one_line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line).context("standard input")?;
    let password = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    anyhow::ensure!(!password.is_empty(), "standard input holds no password\nhint: write it into one line");
    anyhow::ensure!(
        !password.contains(char::is_control),
        "a password holds no control characters (RFC 7617 section 2)"
    );
    Ok(password.to_owned())
}

fn hashed(password: &str) -> anyhow::Result<PasswordHash> {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    PasswordHash::make(password.as_bytes(), salt)
        .map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))
}

/// `alice [gold, beta]: 2 API keys, password`
fn described(consumer: &Consumer) -> String {
    let known_by = &consumer.credentials;
    let counted = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let parts = [
        counted(known_by.api_key_hashes.len(), "API key"),
        known_by.password.as_ref().map(|_| "password".to_owned()),
        counted(known_by.subjects.len(), "token subject"),
        counted(known_by.signing_keys.len(), "signing key"),
        counted(known_by.certificates.len(), "certificate"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let tags = if consumer.tags.is_empty() { String::new() } else { format!(" [{}]", consumer.tags.join(", ")) };
    let known_by = if parts.is_empty() { "nothing to be recognised by".to_owned() } else { parts.join(", ") };
    format!("{}{tags}: {known_by}", consumer.name)
}
