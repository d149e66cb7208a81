//! The admin listener: who can reach it from elsewhere needs a token.

use std::io::Read;
use std::path::PathBuf;

use super::super::source;
use crate::config::model;
use crate::config::problems::Problems;
use crate::config::value::{Wrong, secret};
use crate::config::written::{Admin, At};

/// A token is short; a file longer than this is another one.
const LONGEST_TOKEN: u64 = 4096;

/// The admin listener, where it is not switched off.
pub(super) fn resolve(written: Admin, problems: &mut Problems<'_>) -> Option<model::Admin> {
    if let (Some(_), Some(file)) = (&written.token, &written.token_file) {
        let wrong = Wrong::new("`token` and `token_file` are both given");
        problems.at_value(&file.at, wrong.hint("remove one; a file keeps the token out of this one"));
    }
    let has_token = written.token.is_some() || written.token_file.is_some();
    let from_file = written.token_file.and_then(|file| from_file(&file, problems));
    if written.enabled && !has_token && !written.address.value.ip().is_loopback() {
        let message = format!("{} can be reached from elsewhere, so it needs a token", written.address.value);
        let hint = "add `token_file = \"...\"`, or listen on 127.0.0.1";
        problems.at_value(&written.address.at, Wrong::new(message).hint(hint));
    }
    let token = written.token.map(|token| token.value).or(from_file);
    written.enabled.then_some(model::Admin { address: written.address.value, token })
}

fn from_file(file: &At<PathBuf>, problems: &mut Problems<'_>) -> Option<String> {
    let shown = file.value.display();
    let read =
        read(&file.value).map_err(|error| Wrong::new(format!("cannot read {shown}: {}", source::reason(&error))));
    let token = read.and_then(|text| {
        secret::token_text(text.trim_end())
            .map_err(|wrong| Wrong { message: format!("in {shown}: {}", wrong.message), ..wrong })
    });
    token.map_err(|wrong| problems.at_value(&file.at, wrong)).ok()
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST_TOKEN).read_to_string(&mut text)?;
    Ok(text)
}
