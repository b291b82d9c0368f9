//! What the journal must keep of a message, and for how long.

use super::entry::Entry;
use super::stage::Stage;

/// How much is kept of what needs nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds that octets are kept after the last change.
    pub octets_ms: i64,
    /// Milliseconds that the key is kept: within them the same message is known again.
    pub key_ms: i64,
    /// Whether octets may go early, since room is needed.
    pub pressed: bool,
}

/// What must stay of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Octets and records: there is something to do yet.
    All,
    /// Everything for now: it is kept for the operator.
    Still,
    /// Key and stage, and the short records of what `is_told`.
    Key,
    /// Nothing.
    Nothing,
}

/// Whether sender, subject and the reason that was given stay as long as the key does. Of what became no
/// ticket nobody else could tell them; they are some hundred octets.
pub fn is_told(entry: &Entry) -> bool {
    matches!(
        entry.stage,
        Stage::Ignored | Stage::Dismissed | Stage::Closed
    )
}

/// What must stay of `entry` at `now` (Unix milliseconds). A clock that went back keeps more.
pub fn keep(entry: &Entry, now: i64, retention: Retention) -> Keep {
    let age = now.saturating_sub(entry.changed_at);
    if is_undecided(entry) || !entry.spots.is_empty() {
        Keep::All
    } else if age > retention.key_ms {
        Keep::Nothing
    } else if entry.retired || age > retention.octets_ms || retention.pressed {
        Keep::Key
    } else {
        Keep::Still
    }
}

/// Whether it may become a ticket, or a different one, yet.
fn is_undecided(entry: &Entry) -> bool {
    match entry.stage {
        Stage::Committed | Stage::Refused | Stage::Held | Stage::Released => true,
        Stage::Forwarded | Stage::Ignored | Stage::Dismissed | Stage::Closed => false,
    }
}

/// The last moment before which `keep` won't say less of `entry`, whatever becomes of it (Unix
/// milliseconds): until then nobody needs to look again, but where room is short or the clock went back.
pub fn keep_until(entry: &Entry, now: i64, retention: Retention) -> i64 {
    match keep(entry, now, retention) {
        // Of its octets nothing is left to be kept.
        Keep::All if entry.retired => now.saturating_sub(1),
        // It may be finished this moment, and is kept from then on.
        Keep::All if is_undecided(entry) => now.saturating_add(retention.octets_ms),
        // To be archived is all that it waits for, and no change of its own.
        Keep::All | Keep::Still => entry.changed_at.saturating_add(retention.octets_ms),
        Keep::Key => entry.changed_at.saturating_add(retention.key_ms),
        Keep::Nothing => i64::MAX,
    }
}

#[cfg(test)]
mod tests;
