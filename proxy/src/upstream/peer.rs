//! From an endpoint to the peer Pingora connects to.
