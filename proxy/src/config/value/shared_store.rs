//! The address of a Redis: no message here may repeat what was written, since a password may stand in it.

use percent_encoding::percent_decode_str;
use toml::de::DeValue;

use super::net::{is_bracketed_v6, is_dns_name};
use super::{Wrong, string};
use crate::config::model::{RedisServer, SharedSecret};

const DEFAULT_PORT: u16 = 6379;
const FORM: &str = "as in \"redis://127.0.0.1:6379/0\" or \"redis://user:password@redis.example/0\"";

/// `redis://[[user]:password@]host[:port][/database]`
pub(in crate::config) fn server(value: &DeValue<'_>) -> Result<RedisServer, Wrong> {
    let written = string(value)?;
    if written.starts_with("rediss://") {
        let hint = "the gateway asks Redis without TLS: write `redis://`, over a network of your own or through a TLS \
                    tunnel beside the gateway";
        return Err(Wrong::new("Redis cannot be asked over TLS").hint(hint));
    }
    let rest = written.strip_prefix("redis://").ok_or_else(|| not_an_address("it does not begin with `redis://`"))?;
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (identity, place) = match place.rsplit_once('@') {
        Some((identity, place)) => (Some(identity), place),
        None => (None, place),
    };
    let (host, port) = host_and_port(place)?;
    let (user, password) = identity.map(user_and_password).transpose()?.unwrap_or_default();
    Ok(RedisServer { host, port, database: number_of(database)?, user, password })
}

/// What begins every key: visible, and short enough that keys stay so.
pub(in crate::config) fn prefix(value: &DeValue<'_>) -> Result<String, Wrong> {
    let written = string(value)?;
    if (1..=64).contains(&written.len()) && written.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(written.to_owned());
    }
    Err(Wrong::new("not a prefix of keys").hint("1 to 64 visible ASCII characters, as in \"tidegate:\""))
}

fn not_an_address(reason: &str) -> Wrong {
    Wrong::new(format!("not the address of a Redis: {reason}")).hint(FORM)
}

fn host_and_port(place: &str) -> Result<(String, u16), Wrong> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    let host = host.to_ascii_lowercase();
    if !is_dns_name(&host) && !is_bracketed_v6(&host) {
        return Err(not_an_address("its host is neither a name nor an address"));
    }
    let port = port.map_or(Ok(DEFAULT_PORT), str::parse).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| not_an_address("its port is none of 1 to 65535"))?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

fn number_of(database: &str) -> Result<u16, Wrong> {
    if database.is_empty() {
        return Ok(0);
    }
    database.parse().map_err(|_| not_an_address("what follows the host is not the number of a database"))
}

fn user_and_password(identity: &str) -> Result<(Option<String>, Option<SharedSecret>), Wrong> {
    let (user, password) = identity.split_once(':').unwrap_or((identity, ""));
    let user = decoded(user)?;
    let password = decoded(password)?;
    if password.is_empty() {
        return Err(not_an_address("a user is named without a password"));
    }
    Ok((Some(user).filter(|user| !user.is_empty()), Some(SharedSecret::new(password.as_bytes()))))
}

fn decoded(written: &str) -> Result<String, Wrong> {
    let text = percent_decode_str(written).decode_utf8();
    text.map(Into::into).map_err(|_| not_an_address("its user or password is not UTF-8"))
}
