//! The Retry-After field (RFC 9110 §10.2.3): seconds, or a date in one of three shapes.
//!
//! Pure. A date is measured against the answer's own Date field where there is one: the peer
//! means its own clock, and a box without a battery may not know the time.

use crate::world::Wall;
use jiff::fmt::strtime;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Nobody's mail waits longer than this for one field of one answer.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A shorter wait is none that was asked for: who is told "at once" has a back-off of its own.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// How long to wait, from `SHORTEST` to `LONGEST`; `None` when the field can't be read, or asks for no
/// wait: zero, or a date that has passed.
pub fn retry_after(field: &str, date: Option<&str>, now: Wall) -> Option<Duration> {
    let field = field.trim();
    if !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a long time, not nonsense.
        let seconds = field.parse().unwrap_or(u64::MAX);
        return bounded(Duration::from_secs(seconds));
    }
    let until = http_date(field)?;
    let now = date.and_then(http_date).unwrap_or(now);
    let wait = u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0);
    bounded(Duration::from_millis(wait))
}

fn bounded(wait: Duration) -> Option<Duration> {
    (wait >= SHORTEST).then(|| wait.min(LONGEST))
}

/// Reads an HTTP date in the shape of today or in one of the two obsolete ones, which RFC 9110
/// §5.6.7 still asks recipients to accept.
pub fn http_date(text: &str) -> Option<Wall> {
    let shapes = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    shapes.iter().find_map(|shape| {
        let time = strtime::parse(shape, text.trim()).ok()?;
        let at = jiff::tz::TimeZone::UTC.to_timestamp(time.to_datetime().ok()?);
        Some(Wall(at.ok()?.as_millisecond()))
    })
}
