//! The journal: every accepted message and everything decided about it, in order.
//!
//! A record exists once [`Journal::sync`] has returned; before that it may or may not. Nothing is
//! ever written behind the tail that a crash left: each start opens a new segment.
//!
//! How it is used:
//! 1. [`Journal::open`] finds the segments, makes durable what an earlier process left in the page
//!    cache, deletes large segments without an end, and opens a fresh segment.
//! 2. [`Journal::replay`] hands over every record from a position on, and says what is damaged.
//! 3. [`Journal::append`] as often as wanted, then one [`Journal::sync`] for all of it.
//! 4. A message that is larger than half a segment goes through [`Journal::begin_large`]; its
//!    [`At`] is then written into a record like any other payload.
//! 5. Any number of [`Reader`]s read what was appended, on other threads.
//! 6. [`Journal::release`] gives a segment back once nothing in it is wanted.
//! 7. After [`Fault::Disk`] the journal refuses everything: drop it, open it again, replay.
//!
//! Files in the folder, `n` being 16 hexadecimal digits, one number for both kinds of segment:
//!
//! ```text
//!   n.segment   records               n.large   one large message
//!   n.spare     a segment to be       n.gone    a number that must not be used again
//!   ballast     room for later
//!
//!   n.segment  | block | record | record | ...                    | fixed length, preallocated
//!   n.large    | block | slice | slice | ... | last slice | end   | as long as it needs to be
//!
//!   block, 4096 octets: header at 0, the same again at 512; in n.large the end again at 1024
//!
//!   header, 80 octets
//!     0 magic "pstn seg" | 8 version u32 | 12 check of these 12 u32 | 16 number u64
//!    24 salt [u8; 16] | 40 life [u8; 8] | 48 before: segment u64, offset u64
//!    64 large u8, zeros | 76 check u32
//!
//!   record, at multiples of 8; 56 octets around the payload, then zeros up to the next 8
//!     0 magic B7 52 | 2 kind u8 | 3 zero | 4 length u32 | 8 sequence u32 | 12 synced u32
//!    16 key [u8; 32] | 48 header check u32 | 52 payload | 52 + length: payload check u32
//!
//!   slice, 65536 octets but for the last: message octets (65528) | length u32 | check u32
//!
//!   end, 56 octets
//!     0 magic "pstn end" | 8 total u64 | 16 key [u8; 32] | 48 zero | 52 check u32
//! ```
//!
//! All numbers are little-endian, all checks CRC-32C. The checks of records, slices and ends fold
//! in the segment's salt and number and the offset at which they stand, so that neither octets
//! inside a mail, nor an earlier life of the same blocks, nor a record copied to another place can
//! pass. Headers and payloads use one half of the salt each.
//!
//! `sequence` counts the records of a segment from 0: a gap tells how many are missing. `synced` is
//! the offset in this segment up to which everything was durable when the record was appended, and
//! `before` says the same of the segment before: what is missing there is damage, what is missing
//! behind it is the torn tail of a crash. Each write carries eight zero octets behind it, which the
//! next write overwrites: so a clean end can be told from a torn one on recycled blocks too.
//!
//! What goes wrong, and what then holds: a flipped bit costs at most the record it hit (headers and
//! ends stand twice). An unreadable block costs the records in it. A failed write or sync ends the
//! journal's use until it is opened again ([`Journal::is_broken`]), also when the reason was a full
//! disk. No room for a new segment is [`Fault::Full`] and leaves the journal usable. A damaged file
//! is kept, never deleted.
//!
//! Knows nothing of tickets or mail: payloads are octets, keys are 32 octets, kinds are numbers.
//! Why one file for many messages: "Decisions", at the end of this file.

mod format;
#[cfg(feature = "inside")]
pub mod inside;
mod inspect;
mod journal;
mod large;
mod opening;
mod reader;
mod replay;
mod store;

use std::io;

use serde::{Deserialize, Serialize};

pub use inspect::{file_name, LargeTurn, Looked, Piece};
pub use journal::{release_ballast, Journal};
pub use large::Large;
pub use reader::Reader;
pub use replay::{Gap, Payload, Record, Replayed};

/// How the journal uses its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment in octets; rounded to whole blocks, between 16 KiB and 1 GiB.
    pub segment_octets: u64,
    /// Preallocated segments kept ready beyond the one in use; at least one.
    pub spares: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_octets: 4 << 20,
            spares: 1,
        }
    }
}

/// A point in the journal: where the next record would be. Points compare in the order of writing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// Octets from the segment's start.
    pub offset: u64,
}

/// Where a record, or a large message, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct At {
    /// The segment's number.
    pub segment: u64,
    /// Octets from the segment's start.
    pub offset: u64,
    /// Octets of the payload.
    pub length: u64,
}

impl At {
    /// The point where the record begins.
    pub fn position(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.offset,
        }
    }

    /// The point behind the record: replaying from here begins with the next one.
    pub fn after(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.offset.saturating_add(format::span(self.length)),
        }
    }
}

/// A segment, for reclaim and for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub number: u64,
    /// Octets up to the end of its last record; of a segment of an earlier start the whole file,
    /// until a replay has passed over it.
    pub octets_used: u64,
    /// Octets on the disk.
    pub octets: u64,
    /// Records in it; `None` until a replay has passed over it, and for a large message.
    pub records: Option<u64>,
    /// Whether it holds one large message.
    pub large: bool,
    /// Whether records are appended to it.
    pub current: bool,
}

/// What went wrong, by what the caller must do.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There is no room: make some, or wait until there is.
    #[error("no room on the disk while {doing}: {source}")]
    Full {
        /// What was attempted.
        doing: &'static str,
        /// What the disk said.
        source: io::Error,
    },
    /// The octets at this place are damaged: what they held must come from elsewhere.
    #[error("the journal's segment {segment} is damaged at octet {offset}")]
    Torn {
        /// The segment's number.
        segment: u64,
        /// Octets from its start.
        offset: u64,
    },
    /// The segment was released: whoever kept this place is behind the times.
    #[error("the journal's segment {segment} is no longer there")]
    Gone {
        /// The segment's number.
        segment: u64,
    },
    /// The payload does not fit into a record: use [`Journal::begin_large`].
    #[error(
        "a record of {octets} octets is over the limit of {limit}: it needs a segment of its own"
    )]
    TooLong {
        /// Octets of the payload.
        octets: u64,
        /// The most that a record takes.
        limit: u64,
    },
    /// The segment is in use: release it later.
    #[error("the journal's segment {segment} is still appended to")]
    InUse {
        /// The segment's number.
        segment: u64,
    },
    /// The store was written by newer code: run that.
    #[error("the journal's file {name} has layout {version}, made by a newer postern; this one reads up to layout {}: install the newer one again", format::VERSION)]
    Newer {
        /// The file.
        name: String,
        /// Its version.
        version: u32,
    },
    /// The disk failed: stop, open the journal again, replay.
    #[error("the disk failed while {doing}: {source}")]
    Disk {
        /// What was attempted.
        doing: &'static str,
        /// What the disk said.
        source: io::Error,
    },
}

impl From<io::Error> for Fault {
    fn from(source: io::Error) -> Self {
        Self::Disk {
            doing: "starting the journal's thread",
            source,
        }
    }
}

// Decisions
//
// One file for many messages. Options: a file each; groups of files and one `syncfs`; one
// preallocated file. A file each pays two syncs and a rename for every message, and an SD card pays
// a block of metadata on top. Measured here (ext4, 4 KB records): one sync for 64 records 0.36 ms on
// fresh blocks and 0.21 ms on recycled ones, one for each record 0.14 and 0.09 ms. A disk on which
// small files are as cheap as appends would change our mind.
//
// What proves damage. Options: a batch record that names the position synced before it; a mark
// written by the journal after each sync; four octets in every record's header. The last: no record
// kind is the journal's own, any single sound record behind a gap is proof, and the next segment's
// header closes the one before. The very last batch has no proof behind it until something is
// appended to its segment; the index's position covers that.
//
// Resynchronising. Records stand at multiples of eight, and the checks know their offset: after
// damage every eighth octet is tried. 4 MiB take milliseconds. Cutting at the first bad octet would
// drop acknowledged mail behind one flipped bit.
//
// An unclean start. Records that a killed process left in the page cache are shown by a replay
// though no sync ever covered them: so `open` syncs the last segment first. Those that a failed sync
// left there count as clean and would never be written: so it drops the cache too, and replay reads
// what the medium has. Copying the tail forward would do as well, at the price of records that come
// twice.
//
// Large segments before records. They are made durable before the first octets of the journal that
// follow are written, not only before the sync: the kernel may write a page back at any time, and a
// record that outlived its message would be a promise without content.
//
// Where a large message ends. Behind its last slice, and once more in the opening block: "delete
// what has no end" must not delete an accepted message for one flipped bit.
//
// Numbers are never used again, since places are kept in the index for longer than files: the mark
// `n.gone` holds the number of a large message released before a higher one exists. Should places
// ever carry a part of the salt, the mark can go.
//
// The reserve. Without the last spare a full disk could never be emptied: copying forward needs a
// segment before one becomes free. Only reclaim may take it (`use_reserve`).

#[cfg(test)]
mod tests;
