//! `passwords`: checks that take their time, beside the threads that serve.

use crate::consumers::{CheckError, ConsumerId};
use crate::plugin::contract::v0_1::bindings::passwords::{Host, PasswordError};
use crate::plugin::instance::HostState;
use crate::plugin::scope;

impl Host for HostState {
    async fn verify(&mut self, name: String, password: Vec<u8>) -> wasmtime::Result<Result<u64, PasswordError>> {
        if !self.take_password_check() {
            return Ok(Err(PasswordError::Overloaded));
        }
        let answer = scope::see("`passwords`", |call| call.passwords.check(call.consumers, &name, password))?;
        Ok(answer.await.map(|ConsumerId(id)| id).map_err(PasswordError::from))
    }
}

impl From<CheckError> for PasswordError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Wrong => Self::Wrong,
            CheckError::Overloaded => Self::Overloaded,
        }
    }
}
