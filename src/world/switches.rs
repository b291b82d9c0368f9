//! Test-only switches that take a protection out, or bring about the moment that one is for, so that a
//! test can see what follows.
//!
//! They exist only in a build with the feature `switches`; in the shipped binary each question is
//! the constant `false`. `POSTERN_SWITCH` holds a comma-separated list of names.

/// What a test may take out, or bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// `no-sync`: the disk's sync returns at once, having done nothing.
    NoSync,
    /// `move-early`: messages are moved to the archive before their batch is durable.
    MoveEarly,
    /// `no-key`: every attempt at the portal carries a fresh idempotency key.
    NoKey,
    /// `late-commit`: a batch whose senders were looked up is committed only once the directory has
    /// been read and what was held for want of it was looked at.
    LateCommit,
    /// `late-answer`: who committed hears of it long after the index shows what was committed, the queue
    /// is read in between, and receipts are written later still.
    LateAnswer,
    /// `late-look`: who reads the directory hears late that a page of it is known.
    LateLook,
    /// `late-read`: who composes a ticket again reads its octets long after it looked where they lie.
    LateRead,
}

/// Whether `switch` was flipped.
#[cfg(feature = "switches")]
pub fn flipped(switch: Switch) -> bool {
    use std::sync::OnceLock;
    static NAMES: OnceLock<String> = OnceLock::new();
    let names = NAMES.get_or_init(|| std::env::var("POSTERN_SWITCH").unwrap_or_default());
    let name = match switch {
        Switch::NoSync => "no-sync",
        Switch::MoveEarly => "move-early",
        Switch::NoKey => "no-key",
        Switch::LateCommit => "late-commit",
        Switch::LateAnswer => "late-answer",
        Switch::LateLook => "late-look",
        Switch::LateRead => "late-read",
    };
    names.split(',').any(|n| n == name)
}

/// Whether `switch` was flipped: never, in a build without the feature.
#[cfg(not(feature = "switches"))]
pub const fn flipped(_switch: Switch) -> bool {
    false
}
