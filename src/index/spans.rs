//! Which spans of numbers may have a Message-ID, told without a look into sled.
//!
//! Whoever asks for one that nobody here has had, as each answer to older mail does, would else look into every
//! span for each of its references: some four hundred where 200,000 messages are remembered. Two octets of each
//! Message-ID say of nearly all spans that it is not there. They are read when somebody first goes through a span,
//! and only of spans whose numbers were given and learned long since: nothing is added to those, and what goes
//! from them costs a look in vain.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rows::{messages_from, print_in};
use super::table::Table;
use super::Fault;
use crate::ticket::MessageId;

/// The newest spans, which may still grow.
const OPEN: u32 = 8;

/// What is known of the spans, until the index rests.
#[derive(Default)]
pub(super) struct Spans(Mutex<BTreeMap<u32, Box<[u16]>>>);

impl Spans {
    /// Whether a span may have a Message-ID, where the newest span is `newest`.
    pub(super) fn may_have(
        &self,
        table: &Table,
        span: u32,
        newest: u32,
        id: &MessageId,
    ) -> Result<bool, Fault> {
        if span.saturating_add(OPEN) > newest {
            return Ok(true);
        }
        let print = u16::from_be_bytes([id.0[0], id.0[1]]);
        if let Some(prints) = self.known().get(&span) {
            return Ok(prints.binary_search(&print).is_ok());
        }
        let (from, to) = (messages_from(span), messages_from(span.saturating_add(1)));
        let rows = table.range(&from, &to, usize::MAX)?;
        let mut prints: Vec<u16> = rows.iter().filter_map(|(row, _)| print_in(row)).collect();
        prints.sort_unstable();
        prints.dedup();
        let may_have = prints.binary_search(&print).is_ok();
        self.known().insert(span, prints.into());
        Ok(may_have)
    }

    /// Lets go of those of spans before `oldest`, which nobody asks for any more.
    pub(super) fn forget_before(&self, oldest: u32) {
        let mut known = self.known();
        while known
            .first_key_value()
            .is_some_and(|(span, _)| *span < oldest)
        {
            known.pop_first();
        }
    }

    /// Lets go of all.
    pub(super) fn rest(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<u32, Box<[u16]>>> {
        // Each is whole by itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
