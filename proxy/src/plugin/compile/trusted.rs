//! The one place where bytes become machine code, and the reasons why they may.

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::Key;

/// What a kept file starts with.
const MAGIC: &[u8; 24] = b"tidegate compiled code 1";
const DIGEST_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + Key::BYTES + DIGEST_BYTES;

/// Code that this program's own compiler made, in memory that nobody else can write to.
///
/// There are two ways to get one, and each says what its caller vouches for.
pub(super) struct TrustedCode {
    bytes: Vec<u8>,
    /// Where the code begins: what was kept is not copied to be rid of its head.
    start: usize,
}

/// Why kept bytes are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SealBroken {
    /// It is of another format, or cut off.
    #[error("it is no compiled plugin")]
    Format,
    /// It was made from other bytes, or for another engine.
    #[error("it is of another plugin or another gateway")]
    Key,
    /// It is not what was written.
    #[error("it was changed or damaged")]
    Digest,
}

impl TrustedCode {
    /// The caller has these bytes from [`super::Compiler`], and from nobody else.
    pub(super) fn compiled(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    /// The caller has read these bytes from a file that nobody but this user can write ([`super::cache`] looks at folder
    /// and file); here they are held against the digest that [`Self::seal`] wrote.
    ///
    /// The digest finds damage. It is no signature: who may write as this user may replace the gateway as well.
    pub(super) fn unseal(bytes: Vec<u8>, key: &Key) -> Result<Self, SealBroken> {
        let (head, code) = bytes.split_at_checked(HEAD_BYTES).ok_or(SealBroken::Format)?;
        let (magic, rest) = head.split_at_checked(MAGIC.len()).ok_or(SealBroken::Format)?;
        let (of, digest) = rest.split_at_checked(Key::BYTES).ok_or(SealBroken::Format)?;
        if magic != MAGIC {
            return Err(SealBroken::Format);
        }
        if of != key.bytes() {
            return Err(SealBroken::Key);
        }
        if digest != Sha256::digest(code).as_slice() {
            return Err(SealBroken::Digest);
        }
        Ok(Self { bytes, start: HEAD_BYTES })
    }

    /// What goes before the code in a file.
    pub(super) fn seal(&self, key: &Key) -> Vec<u8> {
        [MAGIC.as_slice(), &key.bytes(), &Sha256::digest(self.code())].concat()
    }

    pub(super) fn code(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Makes the code runnable.
    ///
    /// # Errors
    /// It was made by another version of wasmtime, for another configuration or for another processor.
    #[expect(
        unsafe_code,
        reason = "compiled code cannot be loaded otherwise; it is what makes killable compilation possible"
    )]
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` asks that the bytes come from `Engine::precompile_component`, unchanged. A `TrustedCode`
        // is made in two ways only. `compiled`: the bytes were written a moment ago by our own executable, running that
        // function, into a pipe that only it and we hold. `unseal`: they were read whole into this process's memory from
        // a regular file that we own and others cannot write, in a folder that we own and others cannot enter, and
        // there, in memory, found to have the digest that was written beside code of the first kind. The bytes are
        // private to this value and never written. `deserialize` itself refuses another version, configuration or
        // processor.
        unsafe { Component::deserialize(engine, self.code()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::fixture::{Fixture, engine};

    fn key(component: u8) -> Key {
        Key::new(engine().wasmtime(), [component; 32])
    }

    fn sealed(code: &[u8]) -> Vec<u8> {
        let trusted = TrustedCode::compiled(code.to_vec());
        [trusted.seal(&key(1)), code.to_vec()].concat()
    }

    #[test]
    fn what_was_sealed_is_believed() {
        let file = sealed(b"code");
        assert_eq!(TrustedCode::unseal(file, &key(1)).unwrap().code(), b"code");
    }

    #[test]
    fn no_byte_of_a_file_can_be_changed() {
        let file = sealed(b"some code");
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(TrustedCode::unseal(changed, &key(1)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_goes_on_is_not_believed() {
        let file = sealed(b"some code");
        for length in 0..file.len() {
            assert!(TrustedCode::unseal(file[..length].to_vec(), &key(1)).is_err(), "{length} bytes");
        }
        assert!(TrustedCode::unseal([file, vec![0]].concat(), &key(1)).is_err());
    }

    #[test]
    fn code_of_another_plugin_is_not_believed() {
        assert_eq!(TrustedCode::unseal(sealed(b"code"), &key(2)).err(), Some(SealBroken::Key));
    }

    #[test]
    fn code_made_for_another_configuration_does_not_load() {
        let component = Fixture::request("(i32.const 0)").build();
        let other = Engine::new(wasmtime::Config::new().epoch_interruption(false)).unwrap();
        let code = TrustedCode::compiled(other.precompile_component(&component).unwrap());
        assert!(code.load(engine().wasmtime()).is_err());
    }
}
