//! Invitations to a calendar (RFC 5545, RFC 5546): what is asked, when and where, as values and in words. Pure.
//!
//! Read leniently and in bounds: of the first events, the properties that a person asks for. Times are told as
//! they stand, with the name of their zone: what a zone is by its rules is not computed, and an event that recurs
//! is told by its rule in words, not by its dates.

use super::charset;
use super::message::{Event, Invited, Moment};
use super::words;

mod words_of;

/// Events of one calendar, and people of one event, that are told.
const EVENTS_MAX: usize = 10;
const PEOPLE_MAX: usize = 100;

/// Octets of a line's text that are kept, and of a description.
const TEXT_MAX: usize = 1_000;
const ABOUT_MAX: usize = 8_000;

/// The events of a calendar.
pub(crate) fn events(octets: &[u8]) -> Vec<Event> {
    let text = charset::undeclared(octets);
    let mut method = None;
    let mut events = Vec::new();
    let mut event: Option<Event> = None;
    // Components that are open within the event, such as its alarm.
    let mut within = 0usize;
    for line in unfolded(&text) {
        let Some(property) = Property::of(&line) else {
            continue;
        };
        match (
            property.name.as_str(),
            property.value.to_ascii_uppercase().as_str(),
        ) {
            ("BEGIN", "VEVENT") if event.is_none() => event = Some(Event::default()),
            ("BEGIN", _) if event.is_some() => within += 1,
            ("END", "VEVENT") if within == 0 => {
                events.extend(event.take());
                if events.len() >= EVENTS_MAX {
                    break;
                }
            }
            ("END", _) => within = within.saturating_sub(1),
            ("METHOD", said) if event.is_none() => method = Some(said.to_lowercase()),
            _ => {
                if let Some(event) = event.as_mut().filter(|_| within == 0) {
                    read(event, &property);
                }
            }
        }
    }
    // Cut off where we stopped reading.
    events.extend(event);
    for event in &mut events {
        event.method.clone_from(&method);
    }
    events.retain(|event| event.summary.is_some() || event.starts.is_some());
    events
}

fn read(event: &mut Event, property: &Property<'_>) {
    let text = |max| Some(plain(property.value, max)).filter(|text| !text.trim().is_empty());
    match property.name.as_str() {
        "SUMMARY" => event.summary = event.summary.take().or_else(|| text(TEXT_MAX)),
        "LOCATION" => event.location = event.location.take().or_else(|| text(TEXT_MAX)),
        "DESCRIPTION" => event.about = event.about.take().or_else(|| text(ABOUT_MAX)),
        "COMMENT" => event.comment = event.comment.take().or_else(|| text(ABOUT_MAX)),
        "UID" => event.uid = text(TEXT_MAX),
        "DTSTART" => event.starts = property.moment(),
        "DTEND" => event.ends = property.moment(),
        "DURATION" => event.lasts = words_of::duration(property.value),
        "RECURRENCE-ID" => event.instead = property.moment(),
        "RRULE" => event.recurs = Some(words_of::rule(property.value)),
        "ORGANIZER" => event.organizer = property.person(),
        "ATTENDEE" if event.attendees.len() < PEOPLE_MAX => {
            event.attendees.extend(property.person())
        }
        _ => {}
    }
}

/// The lines of a calendar, with those joined that were folded (RFC 5545 §3.1).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A property: its name in upper case, its parameters and its value as they stand.
struct Property<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    value: &'a str,
}

impl<'a> Property<'a> {
    fn of(line: &'a str) -> Option<Property<'a>> {
        // A colon in quotes is a parameter's.
        let mut quoted = false;
        let colon = line.bytes().position(|octet| {
            quoted ^= octet == b'"';
            octet == b':' && !quoted
        })?;
        let (head, value) = line.split_at(colon);
        let mut pieces = Vec::new();
        let mut rest = head;
        loop {
            let mut quoted = false;
            let end = rest.bytes().position(|octet| {
                quoted ^= octet == b'"';
                octet == b';' && !quoted
            });
            let (piece, behind) = rest.split_at(end.unwrap_or(rest.len()));
            pieces.push(piece);
            match behind.get(1..) {
                Some(behind) if pieces.len() < 20 => rest = behind,
                _ => break,
            }
        }
        let mut pieces = pieces.into_iter();
        let name = pieces.next()?.trim().to_ascii_uppercase();
        let parameters = pieces.filter_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_ascii_uppercase(), value.trim_matches('"')))
        });
        Some(Property {
            name,
            parameters: parameters.collect(),
            value: value.get(1..).unwrap_or_default().trim(),
        })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| !value.is_empty())
    }

    /// A day, or a time of it (RFC 5545 §3.3.4, §3.3.5).
    fn moment(&self) -> Option<Moment> {
        let (value, utc) = match self.value.strip_suffix(['Z', 'z']) {
            Some(value) => (value, true),
            None => (self.value, false),
        };
        let (day, time) = match value.split_once(['T', 't']) {
            Some((day, time)) => (day, Some(time)),
            None => (value, None),
        };
        let digits = |text: &str, count: usize| {
            text.len() == count && text.bytes().all(|o| o.is_ascii_digit())
        };
        if !digits(day, 8) || time.is_some_and(|time| !digits(time, 6)) {
            return None;
        }
        let piece = |text: &'a str, from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let mut at = format!(
            "{}-{}-{}",
            piece(day, 0, 4),
            piece(day, 4, 6),
            piece(day, 6, 8)
        );
        if let Some(time) = time {
            at.push_str(&format!(
                "T{}:{}:{}",
                piece(time, 0, 2),
                piece(time, 2, 4),
                piece(time, 4, 6)
            ));
        }
        let zone = match (utc, time) {
            (true, _) => Some("UTC".to_owned()),
            (false, Some(_)) => self.parameter("TZID").map(|zone| plain(zone, 100)),
            (false, None) => None,
        };
        Some(Moment { at, zone })
    }

    fn person(&self) -> Option<Invited> {
        let value = self.value;
        let address = match value.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => {
                value.get(7..).unwrap_or_default()
            }
            _ => value,
        };
        let name = self.parameter("CN").map(|name| plain(name, TEXT_MAX));
        let address = plain(address, TEXT_MAX);
        let answer = self.parameter("PARTSTAT").map(str::to_ascii_lowercase);
        Some(Invited {
            name: name.filter(|name| !name.is_empty() && *name != address),
            address,
            answer: answer.filter(|answer| answer.len() <= 30 && answer != "needs-action"),
        })
    }
}

/// A text without its escapes (RFC 5545 §3.3.11).
fn plain(value: &str, max: usize) -> String {
    let mut out = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    words::cut(out.trim(), max).0.to_owned()
}

/// What the events say, in words, where a mail says nothing itself.
pub(crate) fn in_words(events: &[Event]) -> String {
    let said: Vec<String> = events.iter().map(words_of::event).collect();
    said.join("\n")
}

#[cfg(test)]
mod tests;
