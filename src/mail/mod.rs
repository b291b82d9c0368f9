//! Mail: octets become meaning.
//!
//! 1. Feed every message, in slices of any size, to a [`Skim`]; `finish` gives a [`Skimmed`]:
//!    the tree of parts, the fields that matter, the text bodies, and for every other leaf its
//!    range, size and digest. Memory stays flat whatever the message's size.
//! 2. [`understand()`] turns that into a [`Message`]. It never fails: what is odd is an [`Oddity`].
//! 3. An attachment is streamed later from its range through an [`Unpack`], the same steps that
//!    measured it here: a [`Decoder`], and the way into what it is packed in.
//!
//! What a message says of other people (a list's author, those whose messages it forwards, what servers found
//! out) is told as its own word: whose is believed is the ticket room's to say.
//!
//! This room is pure: no file, clock, thread or network. It doesn't clean what it reads;
//! [`clean`] does that where a string leaves us; but HTML comes out of here harmless already, since its text is
//! made on the same way. It decides nothing about tickets.
//!
//! # Decisions
//!
//! The MIME structure is followed here, by `skim`, and not by mail-parser. Options: hand
//! mail-parser a shortened copy of the message, or hand it single field values. In the first two
//! parsers look for boundaries by different rules (mail-parser takes one anywhere in a line), so
//! a part could be cut by one and seen by the other. The second leaves one reading of the
//! structure, one decoder that defines size and digest, and nothing long or deep for the parser.
//! A mail-parser that takes a stream would change our mind.

pub mod authentication;
mod block;
mod calendar;
mod charset;
pub mod clean;
mod cms;
pub mod decode;
mod digest;
mod field;
mod fields;
mod flowed;
mod forwarded;
mod grammar;
mod history;
mod html;
#[cfg(feature = "inside")]
pub mod inside;
mod labels;
mod machine;
mod message;
mod report;
mod rewritten;
mod skim;
mod tnef;
mod understand;
mod unpack;
mod words;

pub use authentication::Trace;
pub use decode::{Decoder, Encoding};
pub use digest::{Digest, Digester};
pub use fields::{fields, SECTION_MAX};
pub use forwarded::{Forwarded, How};
pub use message::{
    About, Address, Attachment, Date, Event, Field, Invited, Machine, MachineKind, Message,
};
pub use message::{Moment, Oddity, Protection, Report, ReportKind, TextFrom, BODY_MAX};
pub use rewritten::{Rewritten, Sign};
pub use skim::{File, Limits, Skim, Skimmed};
pub use understand::understand;
pub use unpack::{Inside, Unpack};
