//! Listeners: no two on one address, and each with what its protocol asks for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::names::Names;
use super::{check_file, each};
use crate::config::key_path::KeyPath;
use crate::config::model::{self, HostPattern};
use crate::config::problems::Problems;
use crate::config::value::{Wrong, quoted};
use crate::config::written::{Admin, At, Listener, ListenerProtocol, ListenerTls, ServerNameRoute};

/// Two listeners cannot share an address, nor can one share the admin listener's.
pub(super) fn check_addresses(listeners: &[Listener], admin: &Admin, problems: &mut Problems<'_>) {
    let mut taken: HashMap<SocketAddr, &KeyPath> = HashMap::new();
    let admin = Some(&admin.address).filter(|_| admin.enabled);
    for At { value, at } in listeners.iter().filter_map(|listener| listener.address.as_ref()).chain(admin) {
        if value.port() == 0 {
            continue;
        }
        let Some(first) = taken.insert(*value, at) else { continue };
        let hint = format!("the other is on {}", problems.line_of(first));
        problems.at_value(at, Wrong::new(format!("two listeners have the address {value}")).hint(hint));
    }
}

/// One listener; `trusts_anybody` where there are proxies whose word counts.
pub(super) fn resolve(
    written: Listener,
    upstreams: &Names,
    trusts_anybody: bool,
    problems: &mut Problems<'_>,
) -> Option<model::Listener> {
    check_proxy_protocol(written.proxy_protocol.as_ref(), trusts_anybody, problems);
    let tls = written.tls.as_ref().map(|tls| resolve_tls(tls, problems));
    let protocol = match written.protocol? {
        ListenerProtocol::Http => {
            check_http(&written.upstream, &written.routes, problems);
            model::Protocol::Http { http2: written.http2.is_none_or(|http2| http2.value) }
        }
        ListenerProtocol::Tcp => {
            check_tcp(&written, upstreams, problems);
            model::Protocol::Tcp(model::TcpTargets {
                upstream: written.upstream.map(|upstream| upstream.value),
                routes: each(written.routes, server_name_route)?,
            })
        }
    };
    Some(model::Listener {
        name: written.name?.value,
        address: written.address?.value,
        protocol,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
        proxy_protocol: written.proxy_protocol.is_some_and(|wanted| wanted.value),
    })
}

fn resolve_tls(tls: &ListenerTls, problems: &mut Problems<'_>) -> Option<model::ListenerTls> {
    let files = [tls.certificate.as_ref(), tls.key.as_ref(), tls.client_ca.as_ref()];
    files.into_iter().flatten().for_each(|file| check_file(file, problems));
    let path = |file: &Option<At<PathBuf>>| file.as_ref().map(|file| file.value.clone());
    if let (None, Some(asked)) = (&tls.client_ca, &tls.client_certificate) {
        let wrong = Wrong::new("nothing says who may vouch for clients");
        problems
            .at_value(&asked.at, wrong.hint("add `client_ca = \"clients.pem\"`, the certificates of those who may"));
    }
    let clients = path(&tls.client_ca).map(|ca| model::ClientAuthorities {
        ca,
        is_required: tls.client_certificate.as_ref().is_none_or(|asked| asked.value),
    });
    Some(model::ListenerTls { certificate: path(&tls.certificate)?, key: path(&tls.key)?, clients })
}

/// With nobody trusted, every connection would be refused.
fn check_proxy_protocol(written: Option<&At<bool>>, trusts_anybody: bool, problems: &mut Problems<'_>) {
    let Some(At { at, .. }) = written.filter(|wanted| wanted.value && !trusts_anybody) else { return };
    let wrong = Wrong::new("nobody is trusted to say by the PROXY protocol who a client is");
    problems.at_value(at, wrong.hint("name the proxies in front: `[forwarded]` with `trusted = [\"10.0.0.0/8\"]`"));
}

fn check_http(upstream: &Option<At<String>>, routes: &[ServerNameRoute], problems: &mut Problems<'_>) {
    let hint = "requests find their upstream by `[[route]]`; to pass whole connections on add `protocol = \"tcp\"`";
    if let Some(At { at, .. }) = upstream {
        problems.at_key(at, Wrong::new("only a tcp listener has an upstream of its own").hint(hint));
    }
    for route in routes {
        problems.at_value(&route.at, Wrong::new("only a tcp listener has routes of its own").hint(hint));
    }
}

fn check_tcp(listener: &Listener, upstreams: &Names, problems: &mut Problems<'_>) {
    if let Some(At { at, .. }) = &listener.http2 {
        let wrong = Wrong::new("a tcp listener passes connections on, whatever they speak");
        problems.at_key(at, wrong.hint("leave `http2` out, or use `protocol = \"http\"`"));
    }
    let named = listener.upstream.iter().chain(listener.routes.iter().filter_map(|route| route.upstream.as_ref()));
    named.for_each(|upstream| upstreams.check(upstream, problems));
    if !listener.names_upstream && listener.routes.is_empty() {
        let wrong = Wrong::new("a tcp listener needs an upstream");
        let hint = "add `upstream = \"...\"`, or `[[listener.route]]` with `server_names` and `upstream`";
        problems.at_value(&listener.at, wrong.hint(hint));
    }
    check_server_names(&listener.routes, problems);
}

fn check_server_names(routes: &[ServerNameRoute], problems: &mut Problems<'_>) {
    let mut seen = HashMap::new();
    for At { value, at } in routes.iter().flat_map(|route| &route.server_names) {
        let name = match value {
            HostPattern::Exact(name) => name.clone(),
            HostPattern::Suffix(suffix) => format!("*{suffix}"),
        };
        let message = format!("two routes are for the server name {}", quoted(&name));
        if let Some(first) = seen.insert(name, at) {
            let hint = format!("the other is on {}", problems.line_of(first));
            problems.at_value(at, Wrong::new(message).hint(hint));
        }
    }
}

fn server_name_route(written: ServerNameRoute) -> Option<model::ServerNameRoute> {
    Some(model::ServerNameRoute {
        server_names: written.server_names.into_iter().map(|name| name.value).collect(),
        upstream: written.upstream?.value,
    })
}
