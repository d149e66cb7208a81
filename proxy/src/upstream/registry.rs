//! Endpoints by upstream and address, for the life of the process.
