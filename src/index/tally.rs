//! The counters made anew from records, without a table: what an index should say, told by the same
//! `apply` and the same count.
//!
//! One tally holds the messages of one part of all keys; whoever counts many reads the records
//! several times, and memory does not follow their number. The parts add up.
//!
//! Who lies at a place is decided across parts: so every record that gives a place to somebody is
//! looked at, whosever it is.

use std::collections::BTreeMap;

use super::count::count;
use crate::passage::{apply, Counters, Entry, Kind, Place, Record, Stored};
use crate::ticket::Key;

/// Counters of the messages whose keys are of one part.
pub struct Tally {
    part: u64,
    parts: u64,
    entries: BTreeMap<Key, Entry>,
    owners: BTreeMap<Place, Key>,
}

impl Tally {
    /// Part `part` of `parts`.
    pub fn new(part: u64, parts: u64) -> Self {
        Self {
            part,
            parts: parts.max(1),
            entries: BTreeMap::new(),
            owners: BTreeMap::new(),
        }
    }

    fn is_ours(&self, key: &Key) -> bool {
        let first = key.0.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_be_bytes(first) % self.parts == self.part
    }

    /// Whether a record of `key` and this kind has to be told.
    pub fn wants(&self, key: &Key, kind: Kind) -> bool {
        kind.may_claim() || self.is_ours(key)
    }

    /// Learns a record. One that doesn't fit changes nothing, as in the index.
    pub fn learn(&mut self, key: Key, stored: Stored, record: &Record) {
        let after = match self.is_ours(&key) {
            true => match apply(self.entries.get(&key), record, stored) {
                Ok(Some(after)) => Some(after),
                _ => return,
            },
            false => None,
        };
        for place in record.claims() {
            self.take(place, key);
        }
        let Some(after) = after else { return };
        for spot in &after.spots {
            self.owners.insert(spot.place.clone(), key);
        }
        self.entries.insert(key, after);
    }

    /// Nobody but `key` lies at `place` from now on.
    fn take(&mut self, place: &Place, key: Key) {
        if self.owners.get(place).is_some_and(|owner| *owner != key) {
            if let Some(owner) = self.owners.remove(place) {
                if let Some(entry) = self.entries.get_mut(&owner) {
                    entry.spots.retain(|s| s.place != *place);
                }
            }
        }
    }

    /// The messages, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// Adds what is counted here.
    pub fn add_to(&self, counters: &mut Counters) {
        for entry in self.entries.values() {
            count(counters, None, Some(entry));
        }
    }
}
