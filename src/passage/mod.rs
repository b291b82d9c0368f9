//! The life of one message: where it is, what was decided, which records tell it.
//!
//! Pure: knows no disk, no server and no clock.

pub mod place;

pub use place::{MailboxId, Origin, Place, Uid, UidValidity};
