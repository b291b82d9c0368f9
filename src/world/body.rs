//! A stream of octets whose length and digest are known before the first of them is read.
//!
//! What an attachment is on its way to the portal: one that is still at hand, which a small one is, comes
//! in one slice; any other off the journal in slices, and is never whole in memory.

use std::io;
use std::pin::Pin;

use futures_lite::Stream;

/// Slices of a body, in order; an error ends it.
pub type Slices = Pin<Box<dyn Stream<Item = io::Result<Vec<u8>>>>>;

/// Octets to be sent: how many, their SHA-256, and the slices themselves.
pub struct Body {
    /// Length in octets of all slices together.
    pub length: u64,
    /// SHA-256 of all slices together.
    pub digest: [u8; 32],
    /// The octets.
    pub slices: Slices,
}
