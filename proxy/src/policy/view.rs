//! Borrowed views of the messages on their way, as every engine can give them.
//!
//! Nothing here copies: a plugin asks for one header, and that header is looked up where it lies.

use std::net::IpAddr;

use super::facts::TlsFacts;
use crate::consumers::Consumer;

/// A request, as the next hop would see it now.
pub trait RequestView: Sync {
    /// The method, in the case it was sent.
    fn method(&self) -> &str;
    /// `http` or `https`, as the client reached the gateway.
    fn scheme(&self) -> &str;
    /// Host and, where given, port the client asked for; empty where the client gave none (HTTP/1.0).
    fn authority(&self) -> &str;
    /// The path without the query, percent-encoded as received.
    fn path(&self) -> &str;
    /// The query without its `?`.
    fn query(&self) -> Option<&str>;
    /// The first value of a field; any case of the name.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// Calls `see` with each value of a field, in order.
    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8]));
    /// The same for the gateway's own eyes: no plugin is given what is seen.
    fn peek_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        self.header_values(name, see);
    }
    /// Calls `see` with each field, name in lower case.
    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8]));
    /// The client's address, past trusted proxies.
    fn client_address(&self) -> IpAddr;
    /// The id of this request.
    fn request_id(&self) -> &str;
    /// Name of the route that matched.
    fn route(&self) -> &str;
    /// The consumer an earlier policy identified.
    fn consumer(&self) -> Option<&Consumer>;
    /// What TLS established; `None` where the connection is in the clear.
    fn tls(&self) -> Option<&TlsFacts>;
}

/// A response, as the client would see it now.
pub trait ResponseView: Sync {
    /// The status code.
    fn status(&self) -> u16;
    /// The first value of a field; any case of the name.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// Calls `see` with each value of a field, in order.
    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8]));
    /// Calls `see` with each field, name in lower case.
    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8]));
    /// Calls `see` with each field after the body, name in lower case; with none until the body has ended.
    fn each_trailer(&self, see: &mut dyn FnMut(&str, &[u8]));
    /// Host and port of the endpoint that answered; `None` where none did.
    fn endpoint(&self) -> Option<&str>;
}
