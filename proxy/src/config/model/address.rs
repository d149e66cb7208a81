//! Where an endpoint listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";
/// `sun_path` of Linux, without the zero at its end.
const LONGEST_PATH: usize = 107;

/// Where an endpoint listens: an IP address with a port, or a Unix socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    /// TCP. Neither the port nor the address is zero.
    Ip(SocketAddr),
    /// A Unix socket, by its absolute path.
    Unix(Arc<Path>),
}

impl EndpointAddress {
    /// The port; a Unix socket has none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }

    /// What a request that names no host of its own has for one: the address, or `localhost` for a Unix socket.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Ip(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whether a listener at this address takes what is sent there.
    ///
    /// Which addresses this machine has is not asked: a listener at `0.0.0.0` takes what is sent to all of them, and is
    /// known here by the loopback ones.
    #[must_use]
    pub fn is_served_by(&self, listener: SocketAddr) -> bool {
        let Self::Ip(address) = self else { return false };
        let (ours, theirs) = (listener.ip().to_canonical(), address.ip().to_canonical());
        listener.port() == address.port() && (ours == theirs || ours.is_unspecified() && theirs.is_loopback())
    }

    /// The same host at another port; a Unix socket stays what it is.
    #[must_use]
    pub fn with_port(&self, port: Option<u16>) -> Self {
        match self {
            Self::Ip(address) => Self::Ip(SocketAddr::new(address.ip(), port.unwrap_or(address.port()))),
            Self::Unix(path) => Self::Unix(Arc::clone(path)),
        }
    }
}

/// Why a text is no address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither form.
    #[error("is not an IP address with a port")]
    Form,
    /// Port 0.
    #[error("has port 0, which cannot be connected to")]
    Port,
    /// `0.0.0.0` or `::`.
    #[error("is no address of one host")]
    Unspecified,
    /// A path that depends on where the process was started.
    #[error("is not an absolute path")]
    RelativePath,
    /// A path the system cannot connect to.
    #[error("is a longer path than the 107 octets that a socket may have")]
    LongPath,
}

impl FromStr for EndpointAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix(UNIX) {
            Some(path) if path.len() > LONGEST_PATH => Err(AddressError::LongPath),
            Some(path) if !path.starts_with('/') || path.contains('\0') => Err(AddressError::RelativePath),
            Some(path) => Ok(Self::Unix(Path::new(path).into())),
            None => match text.parse::<SocketAddr>() {
                Ok(address) if address.port() == 0 => Err(AddressError::Port),
                Ok(address) if address.ip().is_unspecified() => Err(AddressError::Unspecified),
                Ok(address) => Ok(Self::Ip(address)),
                Err(_) => Err(AddressError::Form),
            },
        }
    }
}

impl<I: Into<SocketAddr>> From<I> for EndpointAddress {
    fn from(address: I) -> Self {
        Self::Ip(address.into())
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl serde::Serialize for EndpointAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for text in ["127.0.0.1:80", "[2001:db8::1]:8443", "unix:/run/shop.sock"] {
            assert_eq!(text.parse::<EndpointAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_connected_to_is_no_address() {
        let refused = |text: &str| text.parse::<EndpointAddress>().unwrap_err();
        assert_eq!(refused("shop:80"), AddressError::Form);
        assert_eq!(refused("127.0.0.1:0"), AddressError::Port);
        assert_eq!(refused("0.0.0.0:80"), AddressError::Unspecified);
        assert_eq!(refused("unix:run/shop.sock"), AddressError::RelativePath);
        assert_eq!(refused("unix:/a\0b"), AddressError::RelativePath);
        assert_eq!(refused(&format!("unix:/{}", "a".repeat(107))), AddressError::LongPath);
    }
}
