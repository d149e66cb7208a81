//! Runs the policies of a route over a request, and in reverse over its response.
