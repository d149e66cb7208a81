//! What a guest is given of a message, counted: each value is copied into its memory, for which it has to allocate.
//!
//! It is counted where the views are made and not in the host, so that production pays nothing for it. What is not of the
//! message is not counted: facts of TLS, and what capabilities answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::consumers::Consumer;
use crate::policy::facts::{HttpRequestView, HttpResponseView, TlsFacts};
use crate::policy::view::{RequestView, ResponseView};

/// Values of a message that guests were given.
///
/// Atomic because views may be looked at by any thread; one asks at a time.
#[derive(Debug, Default)]
pub(in crate::cli::plugin) struct Copied {
    values: AtomicU64,
    bytes: AtomicU64,
}

impl Copied {
    /// How many.
    pub(in crate::cli::plugin) fn values(&self) -> u64 {
        self.values.load(Ordering::Relaxed)
    }

    /// Their bytes together.
    pub(in crate::cli::plugin) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, value: &[u8]) {
        self.values.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(value.len().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A view that counts what is asked of it, where somebody wants to know.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a, V> {
    pub(super) view: V,
    pub(super) copied: Option<&'a Copied>,
}

impl<V> Counted<'_, V> {
    /// The guest is given this.
    pub(super) fn add(&self, value: &[u8]) {
        if let Some(copied) = self.copied {
            copied.add(value);
        }
    }

    fn text<'v>(&self, value: &'v str) -> &'v str {
        self.add(value.as_bytes());
        value
    }
}

impl RequestView for Counted<'_, HttpRequestView<'_>> {
    fn method(&self) -> &str {
        self.text(self.view.method())
    }

    fn scheme(&self) -> &str {
        self.text(self.view.scheme())
    }

    fn authority(&self) -> &str {
        self.text(self.view.authority())
    }

    fn path(&self) -> &str {
        self.text(self.view.path())
    }

    fn query(&self) -> Option<&str> {
        self.view.query().map(|query| self.text(query))
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.view.header(name).inspect(|value| self.add(value))
    }

    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        self.view.header_values(name, &mut |value| {
            self.add(value);
            see(value);
        });
    }

    fn peek_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        self.view.peek_values(name, see);
    }

    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8])) {
        self.view.each_header(&mut |name, value| {
            self.add(value);
            see(self.text(name), value);
        });
    }

    fn client_address(&self) -> IpAddr {
        self.view.client_address()
    }

    fn request_id(&self) -> &str {
        self.text(self.view.request_id())
    }

    fn route(&self) -> &str {
        self.text(self.view.route())
    }

    fn consumer(&self) -> Option<&Consumer> {
        self.view.consumer()
    }

    fn tls(&self) -> Option<&TlsFacts> {
        self.view.tls()
    }
}

impl ResponseView for Counted<'_, HttpResponseView<'_>> {
    fn status(&self) -> u16 {
        self.view.status()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.view.header(name).inspect(|value| self.add(value))
    }

    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        self.view.header_values(name, &mut |value| {
            self.add(value);
            see(value);
        });
    }

    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8])) {
        self.view.each_header(&mut |name, value| {
            self.add(value);
            see(self.text(name), value);
        });
    }

    fn each_trailer(&self, see: &mut dyn FnMut(&str, &[u8])) {
        self.view.each_trailer(see);
    }

    fn endpoint(&self) -> Option<&str> {
        self.view.endpoint().map(|endpoint| self.text(endpoint))
    }
}
