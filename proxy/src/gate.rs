//! The Gate: our own connection loop before Pingora's.
//!
//! It terminates TLS, reads each HTTP/1 head under one deadline, vets it, and only then hands the connection, with that
//! one message on it, to Pingora's proxy. See ARCHITECTURE.md.
