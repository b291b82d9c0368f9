//! The life of one message: where it is, which stages it may be in, which records tell it.
//!
//! The records are what the journal holds; the stages are what the index shows of them. Both the
//! running engine and a replay after a crash go through the one function `entry::apply`, so that
//! what a start rebuilds can't differ from what was.
//!
//! Pure: knows no disk, no server and no clock.

pub mod entry;
pub mod keep;
pub mod place;
pub mod record;
pub mod retry;
pub mod stage;

pub use entry::{apply, Entry, Illegal};
pub use keep::{is_told, keep, keep_until, Keep, Retention};
pub use place::{MailboxId, Origin, Place, Position, Uid, UidValidity};
pub use record::{Kind, Outcome, Record, Stored};
pub use stage::{Counters, Event, Stage};
