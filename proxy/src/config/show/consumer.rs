//! Consumers, without what proves a client to be one.

use serde_json::{Value, json};

use super::{REDACTED, each};
use crate::config::model::Consumer;

pub(super) fn consumer(consumer: &Consumer) -> Value {
    let credentials = &consumer.credentials;
    json!({
        "name": consumer.name,
        "tags": consumer.tags,
        "keys": each(&credentials.api_key_hashes, |_| json!(REDACTED)),
        "password": credentials.password.as_ref().map(|_| REDACTED),
        "certificates": each(&credentials.certificates, |sha256| json!(format!("sha256:{}", hex::encode(sha256)))),
        "subject": each(&credentials.subjects, |it| json!({ "issuer": it.issuer, "subject": it.subject })),
        "signing_key": each(&credentials.signing_keys, |key| json!({ "id": key.id, "secret": REDACTED })),
    })
}
