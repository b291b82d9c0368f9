//! The contract's document, the stand-in portal and postern's client, held against each other: what
//! the document promises can be had, what is answered and what is sent is what it says.
//!
//! `answers`: each status, field, member and type of problem of the document, provoked. `client`: the
//! requests of a drain. `doctored`: that a document which lies is found. `outsider`: schemathesis,
//! whose requests nobody here thought of.
#![allow(clippy::panic, clippy::unwrap_used)] // A test that meets what it did not expect stops.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod client;
mod contract;
mod doctored;
mod outsider;
mod wire;
