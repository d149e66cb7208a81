//! Listeners in the words of the configuration language.

use serde_json::{Map, Value, json};

use super::{each, host};
use crate::config::model::{ClientAuthorities, Listener, ListenerTls, Protocol, ServerNameRoute, TcpTargets};

pub(super) fn listener(listener: &Listener) -> Value {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), json!(listener.name));
    shown.insert("address".to_owned(), json!(listener.address.to_string()));
    match &listener.protocol {
        Protocol::Http { http2 } => {
            shown.insert("protocol".to_owned(), json!("http"));
            shown.insert("http2".to_owned(), json!(http2));
        }
        Protocol::Tcp(TcpTargets { upstream, routes }) => {
            shown.insert("protocol".to_owned(), json!("tcp"));
            shown.insert("upstream".to_owned(), json!(upstream));
            shown.insert("route".to_owned(), json!(each(routes, route)));
        }
    }
    shown.insert("proxy_protocol".to_owned(), json!(listener.proxy_protocol));
    shown.insert("tls".to_owned(), json!(listener.tls.as_ref().map(tls)));
    Value::Object(shown)
}

fn route(route: &ServerNameRoute) -> Value {
    json!({ "server_names": each(&route.server_names, host), "upstream": route.upstream })
}

fn tls(tls: &ListenerTls) -> Value {
    let required = |clients: &ClientAuthorities| if clients.is_required { "required" } else { "optional" };
    json!({
        "certificate": tls.certificate,
        "key": tls.key,
        "client_ca": tls.clients.as_ref().map(|clients| &clients.ca),
        "client_certificate": tls.clients.as_ref().map(required),
    })
}
