//! What a policy sees and what it may say: the engine-neutral middle between a request and a plugin.
//!
//! A policy reads through a borrowed view and writes by returning a value; the host checks that value, and the chain
//! applies it in one step. A failing policy therefore leaves a request as it was.

pub mod body;
pub mod chain;
pub mod decision;
pub mod facts;
pub mod limits;
pub mod local;
pub mod view;
