//! Rows that lie beside each other, packed for sled.
//!
//! sled splits a leaf at seventeen rows however small they are, and keeps half a KiB in memory for each
//! leaf, cold ones too (measured: 20 MiB for 100,000 messages with four rows each). So rows that are
//! named by a number go to sled some at a time: a page has the name of its first possible row, and
//! holds what there is of it. Numbers of messages are named by digests: their pages are those of a hash
//! table, each with the digests that begin alike. What is not named as expected lies by itself.
//!
//! Pages are so small that a leaf of full ones stays below 32 KiB, as long as entries have 400 octets on
//! the average, and no more than a million and a half messages are known: of larger leaves sled makes files
//! of their own, which nothing but a checkpoint makes durable.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use sled::IVec;

use super::{decode, encode, Fault};

/// How the rows of a kind are packed.
struct Packing {
    /// Octets of a page's name; what follows in a row's tells rows of a page apart, with the last of these.
    name: usize,
    /// The bits of the last of them that do so.
    low: u8,
}

/// Entries are a hundred octets and more, and several hundred where a message lies at many places.
const BY_FOUR: u8 = 0b11;
const BY_SIXTEEN: u8 = 0b1111;
const BY_EIGHT: u8 = 0b111;

/// The last of fifteen bits of a digest is the last but one of its second octet: 32,768 pages.
const BY_DIGEST: u8 = 0b1;

/// How a row, or the page of one, is packed; `None` for one that lies by itself.
fn packing(name: &[u8]) -> Option<Packing> {
    let (name_octets, low) = match *name {
        [b'm', ..] => (3, BY_DIGEST),
        // The first octet of a digest: all but its last three bits name a page.
        [b'i', ..] => (6, BY_EIGHT),
        [b'e', ..] => (9, BY_FOUR),
        [b'q', ..] => (9, BY_SIXTEEN),
        [b'l', ..] => (10, BY_SIXTEEN),
        [b'a', ..] => (13, BY_SIXTEEN),
        // Only numbers; ids of other protocols are as good as random.
        [b'p', 0, ..] => (18, BY_SIXTEEN),
        _ => return None,
    };
    (name.len() >= name_octets).then_some(Packing {
        name: name_octets,
        low,
    })
}

/// The name that sled knows a row under, its page's or its own.
pub(super) fn below(row: &[u8]) -> Vec<u8> {
    let Some(packing) = packing(row) else {
        return row.to_vec();
    };
    let mut name = row.to_vec();
    name.truncate(packing.name);
    if let Some(last) = name.last_mut() {
        *last &= !packing.low;
    }
    name
}

/// What a page holds: the end of each row's name, from the last octet of the page's own on, and the row's
/// value; in order.
#[derive(Serialize, Deserialize)]
struct Page<'a>(#[serde(borrow)] Vec<(&'a [u8], &'a [u8])>);

/// What sled's value under `below(row)` says of `row`.
pub(super) fn row_of(row: &[u8], value: IVec) -> Result<Option<IVec>, Fault> {
    let Some(packing) = packing(row) else {
        return Ok(Some(value));
    };
    let page: Page<'_> = decode(&value)?;
    let end = row.get(packing.name - 1..).unwrap_or_default();
    let found = page.0.iter().find(|(name, _)| *name == end);
    Ok(found.map(|(_, value)| IVec::from(*value)))
}

/// All rows of one of sled's, in order.
pub(super) fn rows_of(name: IVec, value: IVec) -> Result<VecDeque<(IVec, IVec)>, Fault> {
    let Some(packing) = packing(&name) else {
        return Ok(VecDeque::from([(name, value)]));
    };
    let page: Page<'_> = decode(&value)?;
    let begin = name.get(..packing.name - 1).unwrap_or_default();
    let rows = page.0.into_iter();
    Ok(rows
        .map(|(end, value)| (IVec::from([begin, end].concat()), IVec::from(value)))
        .collect())
}

/// A page's rows: each one's name, and its value.
type Rows = BTreeMap<Vec<u8>, IVec>;

/// Changes of rows, made to the pages in which they lie.
#[derive(Default)]
pub(super) struct Changed(BTreeMap<Vec<u8>, Rows>);

impl Changed {
    /// Makes one change; `read` tells what sled has under a name.
    pub(super) fn change(
        &mut self,
        row: &[u8],
        value: Option<&IVec>,
        read: impl FnOnce(&[u8]) -> Result<Option<IVec>, Fault>,
    ) -> Result<(), Fault> {
        use std::collections::btree_map::Entry;
        let rows = match self.0.entry(below(row)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let mut rows = Rows::new();
                // One that lies by itself is replaced, whatever it was.
                if packing(row).is_some() {
                    if let Some(value) = read(new.key())? {
                        let there = rows_of(IVec::from(new.key().as_slice()), value)?;
                        rows.extend(there.into_iter().map(|(row, value)| (row.to_vec(), value)));
                    }
                }
                new.insert(rows)
            }
        };
        match value {
            Some(value) => rows.insert(row.to_vec(), value.clone()),
            None => rows.remove(row),
        };
        Ok(())
    }

    /// As one batch for sled.
    pub(super) fn into_batch(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (name, rows) in self.0 {
            match (packing(&name), rows.first_key_value()) {
                (_, None) => batch.remove(name),
                (None, Some((_, value))) => batch.insert(name, value),
                (Some(packing), Some(_)) => {
                    let rows = rows.iter();
                    let page = Page(
                        rows.map(|(row, value)| {
                            let end = row.get(packing.name - 1..).unwrap_or_default();
                            (end, value.as_ref())
                        })
                        .collect(),
                    );
                    batch.insert(name, encode(&page));
                }
            }
        }
        batch
    }
}

/// Rows as sled has them, in order.
pub(super) struct Below<'a> {
    sled: sled::Iter,
    page: VecDeque<(IVec, IVec)>,
    from: &'a [u8],
    to: &'a [u8],
}

impl<'a> Below<'a> {
    /// Those from `from` on that lie before `to`.
    pub(super) fn new(db: &sled::Db, from: &'a [u8], to: &'a [u8]) -> Self {
        // The page that `to` lies in may hold rows before it, and its name comes first.
        Self {
            sled: db.range(below(from)..to.to_vec()),
            page: VecDeque::new(),
            from,
            to,
        }
    }
}

impl Iterator for Below<'_> {
    type Item = Result<(IVec, IVec), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some((row, value)) = self.page.pop_front() {
                if self.from <= row.as_ref() && row.as_ref() < self.to {
                    return Some(Ok((row, value)));
                }
            }
            let next = match self.sled.next()? {
                Ok((name, value)) => rows_of(name, value),
                Err(fault) => Err(fault.into()),
            };
            match next {
                Ok(rows) => self.page = rows,
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}
