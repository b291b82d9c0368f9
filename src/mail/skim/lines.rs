//! Bodies: octets go on in long runs; only a line break followed by two hyphens is looked at.
//!
//! What may be a delimiter is held back until its line is whole, together with the line break
//! before it, which then isn't the body's (RFC 2046 §5.1.1). No more than one such line is held.

use super::*;

/// A delimiter line: which open multipart it belongs to, and whether it closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delimiter {
    level: usize,
    closes: bool,
}

impl Skim {
    /// Take octets of a body. Takes none only when it moves to a state that does.
    pub(super) fn body(&mut self, within: Within, octets: &[u8]) -> usize {
        if self.open.is_empty() {
            // Nothing delimits, to the end of the message.
            self.pour(octets);
            return octets.len();
        }
        match within {
            Within::Start => match octets {
                [b'-', ..] => self.hold_first(b'-'),
                _ => self.go(Within::Middle, 0),
            },
            Within::Middle => self.run(octets),
            Within::Break => self.at_break(octets),
            Within::Candidate(lead) => self.candidate(lead, octets),
        }
    }

    fn go(&mut self, within: Within, taken: usize) -> usize {
        self.state = State::Line(within);
        taken
    }

    fn hold_first(&mut self, octet: u8) -> usize {
        self.held.clear();
        self.held.push(octet);
        self.held_at = self.at;
        self.go(Within::Break, 1)
    }

    /// The long way: everything up to a line break with two hyphens behind it.
    fn run(&mut self, octets: &[u8]) -> usize {
        let (end, taken, within) = match self.break_and_hyphens.find(octets) {
            Some(at) => {
                let lead = match at.checked_sub(1).and_then(|before| octets.get(before)) {
                    Some(b'\r') => 2,
                    _ => 1,
                };
                (at + 1 - lead, at + 3, Within::Candidate(lead))
            }
            None => {
                let held = match octets {
                    [.., b'\r', b'\n', b'-'] => 3,
                    [.., b'\n', b'-'] | [.., b'\r', b'\n'] => 2,
                    [.., b'\n'] | [.., b'\r'] => 1,
                    _ => 0,
                };
                let within = match held {
                    0 => Within::Middle,
                    _ => Within::Break,
                };
                (octets.len() - held, octets.len(), within)
            }
        };
        let (run, rest) = octets.split_at(end);
        self.pour(run);
        self.held.clear();
        self.held
            .extend_from_slice(rest.get(..taken - end).unwrap_or(rest));
        self.held_at = self.at + end as u64;
        self.go(within, taken)
    }

    /// One octet behind what may be a line break, or a line break and a hyphen.
    fn at_break(&mut self, octets: &[u8]) -> usize {
        let within = match (self.held.last(), octets.first()) {
            (Some(b'\r'), Some(b'\n')) | (Some(b'\n'), Some(b'-')) => Within::Break,
            (Some(b'-'), Some(b'-')) => Within::Candidate(self.held.len() - 1),
            _ => return self.release(),
        };
        self.held.extend(octets.first());
        self.go(within, 1)
    }

    /// The rest of a line that starts with two hyphens; `lead` octets of what is held are the
    /// line break before it.
    fn candidate(&mut self, lead: usize, octets: &[u8]) -> usize {
        let room = (lead + DELIMITER_MAX + 1).saturating_sub(self.held.len());
        let window = octets.get(..room).unwrap_or(octets);
        let Some(end) = memchr(b'\n', window) else {
            self.held.extend_from_slice(window);
            if self.held.len() > lead + DELIMITER_MAX {
                self.release();
            }
            return window.len();
        };
        let taken = end + 1;
        self.held
            .extend_from_slice(window.get(..end).unwrap_or(window));
        match self.delimiter(self.held.get(lead..).unwrap_or_default()) {
            Some(delimiter) => {
                self.held.clear();
                self.delimit(delimiter, self.held_at, self.at + taken as u64);
                taken
            }
            // The line's end stays with the rest: it may be the break before a delimiter.
            None => match self.held.pop_if(|last| *last == b'\r') {
                Some(carriage_return) => {
                    let held_at = self.held_at + self.held.len() as u64;
                    self.release();
                    self.held.push(carriage_return);
                    self.held_at = held_at;
                    self.go(Within::Break, end)
                }
                None => {
                    self.release();
                    end
                }
            },
        }
    }

    /// What was held back is the body's after all.
    fn release(&mut self) -> usize {
        let held = std::mem::take(&mut self.held);
        self.pour(&held);
        self.held = held;
        self.held.clear();
        self.go(Within::Middle, 0)
    }

    /// Which open multipart a line, without its line feed, delimits: the innermost one.
    pub(super) fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        if line.len() > DELIMITER_MAX {
            return None;
        }
        let rest = line.trim_ascii_end().strip_prefix(b"--")?;
        let found = |boundary: &[u8]| match rest.strip_prefix(boundary) {
            Some(b"") => Some(false),
            Some(b"--") => Some(true),
            _ => None,
        };
        self.open
            .iter()
            .enumerate()
            .rev()
            .find_map(|(level, open)| {
                found(&open.boundary).map(|closes| Delimiter { level, closes })
            })
    }

    /// A delimiter ends the body under way at `end`; what follows it begins at `after`.
    pub(super) fn delimit(&mut self, delimiter: Delimiter, end: u64, after: u64) {
        let Delimiter { level, closes } = delimiter;
        let innermost = level + 1 == self.open.len();
        if let Some(open) = self.open.get_mut(level) {
            if innermost && !open.seen {
                // A preamble is for nobody (RFC 2046 §5.1.1).
                open.seen = true;
                self.sink = None;
            }
        }
        // From the inside out: an unclosed multipart ends with the one around it.
        self.end_body(end);
        while self.open.len() > level + 1 {
            self.oddities.note(Oddity::NotClosed);
            self.open.pop();
        }
        if let Some(open) = self.open.last_mut() {
            open.seen = true;
        }
        if closes {
            self.open.pop();
            self.epilogue = true;
            self.state = State::Line(Within::Start);
        } else {
            self.begin_part(after);
        }
    }

    /// The message ended within a body.
    pub(super) fn body_end_of_input(&mut self) {
        let held = self.held.get(..).unwrap_or_default();
        if let State::Line(Within::Candidate(lead)) = self.state {
            if let Some(delimiter) = self.delimiter(held.get(lead..).unwrap_or_default()) {
                self.held.clear();
                self.delimit(delimiter, self.held_at, self.at);
                self.header_end_of_input();
            }
        }
        self.release();
    }
}
