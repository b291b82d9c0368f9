//! Which rows a message has: by its key, its number, its places, and each list that it stands in.
//!
//! What is known of a message lies by its number, the order of its decision: who walks a queue goes
//! through neighbours then. By its key, which is as good as random, lies that number alone.

use serde::Serialize;
use sled::IVec;
use smallvec::SmallVec;

use super::{encode, PlaceValue};
use crate::passage::{Entry, Place, Stage};
use crate::ticket::{Key, MessageId};

/// A row's name. Ours fit in it, but for places that a server names by long words: a name in a piece of
/// memory of its own is fetched at each comparison.
pub(super) type Name = SmallVec<[u8; 48]>;

/// Rows by name, a handful.
pub(super) type Rows = Vec<(Name, IVec)>;

pub(super) fn value_of<'r>(rows: &'r Rows, name: &Name) -> Option<&'r IVec> {
    rows.iter().find(|(row, _)| row == name).map(|(_, v)| v)
}

fn name(parts: &[&[u8]]) -> Name {
    let mut name = Name::new();
    for part in parts {
        name.extend_from_slice(part);
    }
    name
}

/// A row's value, by way of the stack where it is as short as most are.
fn value<T: Serialize>(of: &T) -> IVec {
    match postcard::to_slice(of, &mut [0; 384]) {
        Ok(octets) => IVec::from(&*octets),
        Err(_) => IVec::from(encode(of)),
    }
}

/// Every row of an entry: the entry itself and all the lists that it stands in.
pub(super) fn rows(key: Key, entry: &Entry) -> Rows {
    let mut rows = Vec::with_capacity(4 + entry.spots.len());
    rows.push((number_row(&key), value(&entry.sequence)));
    rows.push((entry_row(entry.sequence, &key), value(entry)));
    for spot in &entry.spots {
        let place = PlaceValue {
            key,
            mailbox: spot.mailbox,
            received_at: spot.received_at,
            octets: spot.octets,
            again: entry.wants_fetch(),
        };
        rows.push((place_row(&spot.place), value(&place)));
    }
    if entry.stage == Stage::Committed {
        rows.push((queue_row(entry.sequence), value(&(key, entry.lane))));
    }
    if entry.wants_archive() {
        // One row for each mailbox that it lies in.
        for spot in &entry.spots {
            rows.push((archive_row(spot.mailbox.0, entry.sequence), value(&key)));
        }
    }
    if !matches!(entry.stage, Stage::Committed | Stage::Forwarded) {
        rows.push((list_row(entry.stage, entry.sequence), value(&key)));
    }
    if let Some(large) = entry.large {
        rows.push((large_row(large), value(&key)));
    }
    if let Some(id) = &entry.thread.id {
        rows.push((message_row(entry.sequence, id, &key), IVec::default()));
    }
    if let Some(root) = &entry.root {
        rows.push((reply_row(root, entry.sequence), value(&key)));
    }
    rows
}

/// Whether all that was to be done with a message is done: it stands in no list, and has no place.
pub(super) fn is_settled(entry: &Entry) -> bool {
    entry.stage == Stage::Forwarded && entry.spots.is_empty()
}

/// Whether a row belongs to one message by its name, and to no other before or after: what has its
/// number or its key in it. A place may have been another's.
pub(super) fn is_of_one(row: &[u8]) -> bool {
    matches!(
        row.first(),
        Some(b'm' | b'e' | b'q' | b'a' | b'l' | b'i' | b'r')
    )
}

/// Whose Message-ID it is: whoever looks for one knows neither key nor number. By digest alone each would lie by
/// itself, at the price of a drain's twentieth; so those of a span of numbers lie together, and who
/// looks goes through the spans.
pub(super) fn message_row(sequence: u64, id: &MessageId, key: &Key) -> Name {
    name(&[&messages_of(span_of(sequence), id), &key.0])
}

/// How the rows of a Message-ID begin in a span of numbers, and seldom those of another: half of it, so that
/// a name fits where names are kept.
pub(super) fn messages_of(span: u32, id: &MessageId) -> Name {
    name(&[b"i", &span.to_be_bytes(), &id.0[..8]])
}

/// Before the rows of all Message-IDs of a span.
pub(super) fn messages_from(span: u32) -> Name {
    name(&[b"i", &span.to_be_bytes()])
}

/// The first two octets of the Message-ID whose row this is.
pub(super) fn print_in(row: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*row.get(5)?, *row.get(6)?]))
}

/// The span of a number: those of 512 lie in 32 pages.
pub(super) fn span_of(sequence: u64) -> u32 {
    u32::try_from(sequence >> 9).unwrap_or(u32::MAX)
}

pub(super) fn reply_row(root: &Key, sequence: u64) -> Name {
    name(&[b"r", &root.0, &sequence.to_be_bytes()])
}

pub(super) fn large_row(segment: u64) -> Name {
    name(&[b"g", &segment.to_be_bytes()])
}

pub(super) fn number_row(key: &Key) -> Name {
    name(&[b"m", &key.0])
}

/// With the key behind the number: whoever has an old number of a message meets no other one.
pub(super) fn entry_row(sequence: u64, key: &Key) -> Name {
    name(&[b"e", &sequence.to_be_bytes(), &key.0])
}

/// Before the rows of all numbers from this one on.
pub(super) fn entries_from(sequence: u64) -> Name {
    name(&[b"e", &sequence.to_be_bytes()])
}

/// Neighbours beside each other, where places are numbered.
pub(super) fn place_row(place: &Place) -> Name {
    match place {
        Place::Imap {
            origin,
            uid_validity,
            uid,
        } => name(&[
            b"p\0",
            &origin.0,
            &uid_validity.0.to_be_bytes(),
            &uid.0.to_be_bytes(),
        ]),
        Place::Item { origin, id } => name(&[b"p\x01", &origin.0, id.as_bytes()]),
    }
}

pub(super) fn queue_row(sequence: u64) -> Name {
    name(&[b"q", &sequence.to_be_bytes()])
}

pub(super) fn archive_row(mailbox: u32, sequence: u64) -> Name {
    name(&[b"a", &mailbox.to_be_bytes(), &sequence.to_be_bytes()])
}

pub(super) fn list_row(stage: Stage, sequence: u64) -> Name {
    name(&[b"l", &[stage as u8], &sequence.to_be_bytes()])
}
