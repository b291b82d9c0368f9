//! Which rows a message has: by its key, its number, its places, and each list that it stands in.
//!
//! What is known of a message lies by its number, the order of its decision: who walks a queue goes
//! through neighbours then. By its key, which is as good as random, lies that number alone.

use super::{encode, PlaceValue};
use crate::passage::{Entry, Place, Stage};
use crate::ticket::Key;

/// Rows by name, a handful.
pub(super) type Rows = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) fn value_of<'r>(rows: &'r Rows, name: &[u8]) -> Option<&'r Vec<u8>> {
    rows.iter().find(|(row, _)| row == name).map(|(_, v)| v)
}

/// Every row of an entry: the entry itself and all the lists that it stands in.
pub(super) fn rows(key: Key, entry: &Entry) -> Rows {
    let mut rows = Vec::with_capacity(4 + entry.spots.len());
    rows.push((number_row(&key), encode(&entry.sequence)));
    rows.push((entry_row(entry.sequence, &key), encode(entry)));
    for spot in &entry.spots {
        let value = PlaceValue {
            key,
            mailbox: spot.mailbox,
            received_at: spot.received_at,
            octets: spot.octets,
            again: entry.wants_fetch(),
        };
        rows.push((place_row(&spot.place), encode(&value)));
    }
    if entry.stage == Stage::Committed {
        rows.push((queue_row(entry.sequence), encode(&(key, entry.lane))));
    }
    if entry.wants_archive() {
        // One row for each mailbox that it lies in.
        for spot in &entry.spots {
            rows.push((archive_row(spot.mailbox.0, entry.sequence), encode(&key)));
        }
    }
    if !matches!(entry.stage, Stage::Committed | Stage::Forwarded) {
        rows.push((list_row(entry.stage, entry.sequence), encode(&key)));
    }
    if let Some(large) = entry.large {
        rows.push((large_row(large), encode(&key)));
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
    matches!(row.first(), Some(b'm' | b'e' | b'q' | b'a' | b'l'))
}

pub(super) fn large_row(segment: u64) -> Vec<u8> {
    [b"g".as_slice(), &segment.to_be_bytes()].concat()
}

pub(super) fn number_row(key: &Key) -> Vec<u8> {
    [b"m", key.0.as_slice()].concat()
}

/// With the key behind the number: whoever has an old number of a message meets no other one.
pub(super) fn entry_row(sequence: u64, key: &Key) -> Vec<u8> {
    [b"e".as_slice(), &sequence.to_be_bytes(), &key.0].concat()
}

/// Neighbours beside each other, where places are numbered.
pub(super) fn place_row(place: &Place) -> Vec<u8> {
    match place {
        Place::Imap {
            origin,
            uid_validity,
            uid,
        } => [
            b"p\0".as_slice(),
            &origin.0,
            &uid_validity.0.to_be_bytes(),
            &uid.0.to_be_bytes(),
        ]
        .concat(),
        Place::Item { origin, id } => [b"p\x01".as_slice(), &origin.0, id.as_bytes()].concat(),
    }
}

pub(super) fn queue_row(sequence: u64) -> Vec<u8> {
    [b"q".as_slice(), &sequence.to_be_bytes()].concat()
}

pub(super) fn archive_row(mailbox: u32, sequence: u64) -> Vec<u8> {
    [
        b"a".as_slice(),
        &mailbox.to_be_bytes(),
        &sequence.to_be_bytes(),
    ]
    .concat()
}

pub(super) fn list_row(stage: Stage, sequence: u64) -> Vec<u8> {
    [b"l".as_slice(), &[stage as u8], &sequence.to_be_bytes()].concat()
}
