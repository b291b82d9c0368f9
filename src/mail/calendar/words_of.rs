//! An event, its rule and its length in words.

use crate::mail::message::{Event, Invited, Moment};
use crate::mail::words;
use std::fmt::Write as _;

/// An event, line by line.
pub(super) fn event(event: &Event) -> String {
    let mut out = String::new();
    let summary = event.summary.as_deref().unwrap_or("(without a title)");
    let title = match event.method.as_deref() {
        Some("request") => "Invitation",
        Some("cancel") => "Cancelled",
        Some("reply") => "Answer to an invitation",
        Some("counter") => "Another time is proposed",
        Some("declinecounter") => "The proposed time is declined",
        Some("refresh") => "The invitation is asked for again",
        Some("add") => "Another date",
        _ => "Event",
    };
    let mut line = |label: &str, text: &str| {
        let text = text.replace('\n', ", ");
        // Writing to a string can't fail.
        let _ = writeln!(out, "{label}: {text}");
    };
    line(title, summary);
    if let Some(when) = when(event) {
        line("When", &when);
    }
    if let Some(instead) = &event.instead {
        line("Instead of", &moment(instead));
    }
    if let Some(recurs) = &event.recurs {
        line("Repeats", recurs);
    }
    if let Some(location) = &event.location {
        line("Where", location);
    }
    if let Some(organizer) = &event.organizer {
        line("Organizer", &person(organizer));
    }
    if !event.attendees.is_empty() {
        let people: Vec<String> = event.attendees.iter().map(person).collect();
        line("Invited", &people.join("; "));
    }
    for text in [&event.comment, &event.about].into_iter().flatten() {
        let _ = writeln!(out, "\n{text}");
    }
    out
}

fn when(event: &Event) -> Option<String> {
    let starts = event.starts.as_ref()?;
    let mut out = moment(starts);
    match (&event.ends, &event.lasts) {
        (Some(ends), _) => {
            // A day that is named as the end is the first that is none of it (RFC 5545 §3.6.1).
            let day = !starts.at.contains('T');
            let word = if day { " until before " } else { " until " };
            let same_day =
                !day && ends.at.get(..10) == starts.at.get(..10) && ends.zone == starts.zone;
            let end = match same_day {
                true => ends.at.get(11..16).unwrap_or_default().to_owned(),
                false => moment(ends),
            };
            out = format!("{out}{word}{end}");
        }
        (None, Some(lasts)) => out = format!("{out}, for {lasts}"),
        (None, None) => {}
    }
    Some(out)
}

fn moment(moment: &Moment) -> String {
    let at = moment.at.get(..16).unwrap_or(&moment.at).replace('T', " ");
    match &moment.zone {
        Some(zone) => format!("{at} ({zone})"),
        None => at,
    }
}

fn person(person: &Invited) -> String {
    let mut out = match &person.name {
        Some(name) => format!("{name} <{}>", person.address),
        None => person.address.clone(),
    };
    match person.answer.as_deref() {
        Some("accepted") => out.push_str(" (accepts)"),
        Some("declined") => out.push_str(" (declines)"),
        Some("tentative") => out.push_str(" (perhaps)"),
        Some("delegated") => out.push_str(" (sends somebody else)"),
        _ => {}
    }
    out
}

/// A duration (RFC 5545 §3.3.6) in words.
pub(super) fn duration(value: &str) -> Option<String> {
    let mut rest = value.strip_prefix('P')?;
    let mut said = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('T').unwrap_or(rest);
        let digits = rest.bytes().take(6).take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        let number: u32 = number.parse().ok()?;
        let unit = match behind.bytes().next()? {
            b'W' => "week",
            b'D' => "day",
            b'H' => "hour",
            b'M' => "minute",
            b'S' => "second",
            _ => return None,
        };
        rest = behind.get(1..)?;
        if number > 0 {
            said.push(format!(
                "{number} {unit}{}",
                if number == 1 { "" } else { "s" }
            ));
        }
    }
    let said = said.join(" ");
    Some(words::cut(&said, 100).0.to_owned()).filter(|said| !said.is_empty())
}

/// A rule by which an event recurs (RFC 5545 §3.3.10) in words; as it stands, where it says more than these can.
pub(super) fn rule(value: &str) -> String {
    let said = in_words(value);
    words::cut(said.as_deref().unwrap_or(value), 500)
        .0
        .to_owned()
}

fn in_words(value: &str) -> Option<String> {
    let (mut frequency, mut interval, mut count, mut until) = (None, 1u32, None, None);
    let (mut days, mut month_day, mut month) = (Vec::new(), None, None);
    let mut position = None;
    for piece in value.split(';').filter(|piece| !piece.is_empty()) {
        let (name, said) = piece.split_once('=')?;
        match name.to_ascii_uppercase().as_str() {
            "FREQ" => frequency = Some(said.to_ascii_uppercase()),
            "INTERVAL" => interval = said.parse().ok()?,
            "COUNT" => count = Some(said.parse::<u32>().ok()?),
            "UNTIL" => {
                let day = said.get(..8)?;
                until = Some(format!(
                    "{}-{}-{}",
                    day.get(..4)?,
                    day.get(4..6)?,
                    day.get(6..8)?
                ));
            }
            "BYDAY" => days = said.split(',').map(day).collect::<Option<Vec<_>>>()?,
            "BYMONTHDAY" => month_day = Some(said.parse::<u8>().ok()?),
            "BYMONTH" => month = Some(MONTHS.get(said.parse::<usize>().ok()?.checked_sub(1)?)?),
            "BYSETPOS" => position = Some(ordinal(said)?),
            "WKST" => {}
            _ => return None,
        }
    }
    let unit = match frequency?.as_str() {
        "DAILY" => "day",
        "WEEKLY" => "week",
        "MONTHLY" => "month",
        "YEARLY" => "year",
        _ => return None,
    };
    let mut out = match interval {
        1 => format!("every {unit}"),
        many => format!("every {many} {unit}s"),
    };
    if !days.is_empty() {
        let position = position
            .map(|position| format!("{position} of "))
            .unwrap_or_default();
        out.push_str(&format!(" on {position}{}", days.join(", ")));
    } else if position.is_some() {
        return None;
    }
    if let Some(day) = month_day {
        out.push_str(&format!(" on day {day}"));
    }
    if let Some(month) = month {
        out.push_str(&format!(" in {month}"));
    }
    if let Some(count) = count {
        out.push_str(&format!(", {count} times"));
    }
    if let Some(until) = until {
        out.push_str(&format!(", until {until}"));
    }
    Some(out)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A weekday, and which of them.
fn day(said: &str) -> Option<String> {
    let (number, name) = said.split_at_checked(said.len().checked_sub(2)?)?;
    let name = match name.to_ascii_uppercase().as_str() {
        "MO" => "Monday",
        "TU" => "Tuesday",
        "WE" => "Wednesday",
        "TH" => "Thursday",
        "FR" => "Friday",
        "SA" => "Saturday",
        "SU" => "Sunday",
        _ => return None,
    };
    match number {
        "" => Some(name.to_owned()),
        number => Some(format!("{} {name}", ordinal(number)?)),
    }
}

fn ordinal(number: &str) -> Option<&'static str> {
    Some(match number.trim_start_matches('+') {
        "1" => "the first",
        "2" => "the second",
        "3" => "the third",
        "4" => "the fourth",
        "5" => "the fifth",
        "-1" => "the last",
        _ => return None,
    })
}
