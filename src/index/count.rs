//! What a change of one message changes in the counters.
//!
//! The only way to a count: nothing is counted by walking a table.

use crate::passage::{Counters, Entry};

/// Counts that a message was `before` and is `after`.
pub(super) fn count(counters: &mut Counters, before: Option<&Entry>, after: Option<&Entry>) {
    match (before.map(|e| e.stage), after.map(|e| e.stage)) {
        (from, Some(to)) if from != Some(to) => counters.moved(from, to),
        (Some(from), None) => counters.left(from),
        _ => {}
    }
    counters.reasoned(
        before.and_then(Entry::no_ticket_for),
        after.and_then(Entry::no_ticket_for),
    );
    let tally = |entry: Option<&Entry>| {
        entry.map_or((0, 0, 0, 0, 0), |e| {
            (
                u64::from(e.wants_archive()),
                u64::from(e.archived),
                e.owed_octets(),
                e.kept_octets(),
                u64::from(e.message.is_some()),
            )
        })
    };
    let (old, new) = (tally(before), tally(after));
    counters.to_archive = (counters.to_archive + new.0).saturating_sub(old.0);
    counters.archived = (counters.archived + new.1).saturating_sub(old.1);
    counters.owed_octets = (counters.owed_octets + new.2).saturating_sub(old.2);
    counters.kept_octets = (counters.kept_octets + new.3).saturating_sub(old.3);
    counters.kept = (counters.kept + new.4).saturating_sub(old.4);
}
