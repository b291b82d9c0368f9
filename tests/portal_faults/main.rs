//! What the portal can do wrong, seen through the whole binary: each mail still becomes one ticket,
//! or is kept with the portal's own words.
//!
//! The judge is outside: the portal's own list and log, and what lies in the mailbox.

#[path = "../common/mod.rs"]
mod common;

mod certificate;
mod doubt;
mod limits;
mod link;
mod oauth;
mod passing;
mod refused;
mod restore;
mod slow;
