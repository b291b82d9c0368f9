//! Learning records: one batch after the other, and what became of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Durable, Fault, Index};
use crate::passage::{Entry, Position};
use crate::ticket::Key;

/// What `learn_all` or `apply` did with records.
#[derive(Default)]
pub struct Applied {
    /// The entries that records changed, in the order of their last change, as each was behind the batch
    /// with it. A place that a later batch gave to another message may still stand in one.
    pub changed: Vec<(Key, Arc<Entry>)>,
    /// Whether a message that had as many places as are kept of one has room for others now.
    pub freed: bool,
    /// Records that did not fit what was known, each with a sentence.
    pub misfits: Vec<String>,
}

impl Applied {
    /// Adds what a later batch did.
    fn add(&mut self, later: Self) {
        let again: BTreeSet<Key> = later.changed.iter().map(|(key, _)| *key).collect();
        self.changed.retain(|(key, _)| !again.contains(key));
        self.changed.extend(later.changed);
        self.freed |= later.freed;
        self.misfits.extend(later.misfits);
    }
}

impl Index {
    /// Learns `records`, in the order of the journal, and that everything before `position` is known. Some
    /// at a time: where many thousand have gathered behind a slow disk, all that one batch of them
    /// changes would be in memory at once.
    ///
    /// After an error what is behind it was not learned, and the position says so: the caller ends.
    pub fn learn_all(&mut self, records: &[Durable], position: Position) -> Result<Applied, Fault> {
        let mut batches = records.chunks(self.share).peekable();
        let mut applied = Applied::default();
        loop {
            let batch = batches.next().unwrap_or_default();
            let next = batches.peek().and_then(|next| next.first());
            let before = next.map_or(position, |next| Position {
                segment: next.stored.segment,
                offset: next.stored.offset,
            });
            applied.add(self.apply(batch, before)?);
            if next.is_none() {
                return Ok(applied);
            }
        }
    }
}
