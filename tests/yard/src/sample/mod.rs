//! The help desk's sample.

use crate::mime::Made;

/// 2026-01-01T00:00:00Z.
pub const CUTOFF: i64 = 1_767_225_600;
/// 2026-03-02T07:00:00Z.
pub const MONDAY: i64 = 1_772_434_800;

/// The sample.
pub fn mails(_seed: u64) -> Vec<Made> {
    Vec::new()
}
