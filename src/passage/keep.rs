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
    let open = match entry.stage {
        Stage::Committed | Stage::Refused | Stage::Held | Stage::Released => true,
        Stage::Forwarded | Stage::Ignored | Stage::Dismissed | Stage::Closed => {
            !entry.spots.is_empty()
        }
    };
    let age = now.saturating_sub(entry.changed_at);
    if open {
        Keep::All
    } else if age > retention.key_ms {
        Keep::Nothing
    } else if entry.retired || age > retention.octets_ms || retention.pressed {
        Keep::Key
    } else {
        Keep::Still
    }
}

/// When `keep` says less of `entry` at the earliest, whatever becomes of it (Unix milliseconds): before
/// that nobody needs to look again, but where room is short or the clock went back.
pub fn keep_until(entry: &Entry, now: i64, retention: Retention) -> i64 {
    match keep(entry, now, retention) {
        // It may be finished this moment, and is kept from then on.
        Keep::All => now.saturating_add(retention.octets_ms),
        Keep::Still => entry.changed_at.saturating_add(retention.octets_ms),
        Keep::Key => entry.changed_at.saturating_add(retention.key_ms),
        Keep::Nothing => i64::MAX,
    }
}
