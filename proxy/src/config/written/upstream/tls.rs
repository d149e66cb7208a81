//! `[upstream.tls]`

use std::path::PathBuf;

use crate::config::fields::Fields;
use crate::config::model::{ClientIdentity, UpstreamTls};
use crate::config::value::{Wrong, boolean, net};
use crate::config::written::At;

pub(super) fn read(fields: &mut Fields<'_, '_>) -> UpstreamTls {
    let (certificate, key) = (fields.file("certificate"), fields.file("key"));
    UpstreamTls {
        server_name: fields.optional("server_name", net::certified_name).map(|name| name.value),
        ca: fields.file("ca").map(|ca| ca.value),
        identity: identity(fields, certificate, key),
        verify: fields.or("verify", boolean, true),
    }
}

/// A certificate is of no use without its key, nor the key without it.
fn identity(
    fields: &mut Fields<'_, '_>,
    certificate: Option<At<PathBuf>>,
    key: Option<At<PathBuf>>,
) -> Option<ClientIdentity> {
    let (there, missing) = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            return Some(ClientIdentity { certificate: certificate.value, key: key.value });
        }
        (Some(there), None) => (there.at, "key"),
        (None, Some(there)) => (there.at, "certificate"),
        (None, None) => return None,
    };
    if !fields.is_written(missing) {
        let wrong = Wrong::new("a client certificate is a certificate and its key");
        fields.problem_at(&there, wrong.hint(format!("add `{missing} = \"client-{missing}.pem\"`")));
    }
    None
}
