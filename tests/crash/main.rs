//! The binary is hurt in the middle of its work, again and again on the same store: SIGKILL, parts
//! of the store removed or rotten, a disk that fails or is full, a second appliance. Then mailbox
//! and portal are counted from outside.
//!
//! `POSTERN_TEST_LONG=1` makes the full run; otherwise a handful of each. Power cuts live in
//! `tests/power`, protections taken out in `tests/switches`.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod kill;
mod store;
mod two;
