//! Dates as IMAP writes them (RFC 3501 §9, date and date-time). Pure.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

use crate::world::Wall;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads an INTERNALDATE, ` 7-Feb-1994 21:52:25 -0800`; `None` when it is none.
pub(super) fn parse(text: &str) -> Option<Wall> {
    let mut words = text.split_ascii_whitespace();
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    let mut date = date.splitn(3, '-');
    let day: i8 = date.next()?.parse().ok()?;
    let name = date.next()?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name))? + 1;
    let year: i16 = date.next()?.parse().ok()?;
    let mut time = time.splitn(3, ':');
    let hour: i8 = time.next()?.parse().ok()?;
    let minute: i8 = time.next()?.parse().ok()?;
    let second: i8 = time.next()?.parse().ok()?;
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number: i32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let offset = Offset::from_seconds(sign * (number / 100 * 3600 + number % 100 * 60)).ok()?;
    // A leap second is the last one of its minute here.
    let at = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        day,
        hour,
        minute,
        second.min(59),
        0,
    )
    .ok()?;
    Some(Wall(offset.to_timestamp(at).ok()?.as_millisecond()))
}

/// The day of `at` in UTC and `days` more, as SEARCH wants it; `None` outside the calendar.
pub(super) fn day(at: Wall, days: i64) -> Option<String> {
    let date: Date = Offset::UTC
        .to_datetime(Timestamp::from_millisecond(at.0).ok()?)
        .date();
    let date = date.checked_add(days.days()).ok()?;
    let month = MONTHS.get(usize::try_from(date.month()).ok()?.checked_sub(1)?)?;
    Some(format!("{}-{month}-{:04}", date.day(), date.year()))
}

#[cfg(test)]
mod tests;
