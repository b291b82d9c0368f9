//! Time zones: the machine's own, and those of its time zone files.

use jiff::tz::TimeZone;

/// The zone of an IANA name, where this machine has its file.
pub fn named(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The machine's own zone; UTC where it has none.
pub fn system() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}
