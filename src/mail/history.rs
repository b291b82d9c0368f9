//! Where what somebody wrote ends, and the signature and what was written before begin. Pure.
//!
//! Nothing is taken away: whoever shows a text can fold the rest of it. Read off the plain text, by the
//! marks of the common clients: a signature's `-- `, lines with `>`, a line that says who wrote when, a
//! rule with "original message" in it, and the block of fields that the Outlooks write. Answers that stand
//! between quoted lines, or below them, are what a person must read: then nothing is folded but the
//! signature. A forwarded message is the message, and never folded.
//!
//! Of text that was made from HTML the elements tell more ([`Mark`]): the clients name them. They are believed
//! where the lines don't say otherwise.

use std::ops::Range;

use memchr::{memchr, memchr2_iter};

use super::labels::{label, Label};

mod words;

pub(super) use words::forwards;

/// Whether a line has one of the words for what somebody did who wrote a message.
pub(super) fn says_who_wrote(line: &str) -> bool {
    words::WROTE.iter().any(|word| line.contains(word))
}

/// Lines that a signature may have which begins with two hyphens alone, without the space: longer ones are
/// a text that has a rule in it.
const SIGNATURE_MAX: usize = 15;

/// Lines that the words of who wrote when may take.
const ATTRIBUTION_MAX: usize = 3;

/// Lines below the first field of a block in which the others must stand.
const BLOCK_MAX: usize = 7;

/// Octets of a line's beginning in which a field's name may end.
const LABEL_MAX: usize = 32;

/// Octets of a line that says who wrote when, and of one that a telephone signs with.
const WORDS_MAX: usize = 400;

/// What an element said of lines that were made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The first line.
    pub(super) first: usize,
    /// Behind the last line; none where the element only begins what follows.
    pub(super) end: Option<usize>,
    pub(super) kind: Kind,
}

/// What it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// That they were written before.
    History,
    /// That they are a signature.
    Signature,
}

/// How many lines at the beginning of `text`, whose lines end with LF, were written now. None where that is
/// all of it, or none of it, or can't be told. `subject` says whether the message hands on another.
pub(super) fn new_lines(text: &str, subject: &str, marks: &[Mark]) -> Option<u32> {
    let text = Text {
        lines: lines(text),
        forwards: forwards(subject),
    };
    let marked = text.marked_history(marks);
    let history = [text.history(), marked].into_iter().flatten().min();
    let end = history.unwrap_or(text.lines.len());
    let marked = text.marked_signature(marks, end);
    let signature = text.signature(0..end);
    let end = [signature, marked]
        .into_iter()
        .flatten()
        .fold(end, usize::min);
    let new = text.ends(0..end);
    (new > 0 && new < text.ends(0..text.lines.len()))
        .then(|| u32::try_from(new).unwrap_or(u32::MAX))
}

struct Text<'a> {
    lines: Vec<Line<'a>>,
    forwards: bool,
}

struct Line<'a> {
    text: &'a str,
    /// Whether a colon is in it: a line without one holds no field, and ends nobody's words of who wrote when.
    colon: bool,
}

/// The lines of a text and their colons, by one pass: most lines have none, and nothing else is asked of them.
fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::with_capacity(text.len() / 32);
    let (mut from, mut colon) = (0, false);
    let octets = text.as_bytes();
    let last = (!text.ends_with('\n')).then_some(octets.len());
    for at in memchr2_iter(b'\n', b':', octets).chain(last) {
        if octets.get(at) == Some(&b':') {
            colon = true;
            continue;
        }
        let text = text.get(from..at).unwrap_or_default();
        let text = text.strip_suffix('\r').unwrap_or(text);
        lines.push(Line { text, colon });
        (from, colon) = (at + 1, false);
    }
    lines
}

impl Text<'_> {
    /// The one way to a line: the tests count how often one is looked at.
    fn line(&self, at: usize) -> &str {
        #[cfg(test)]
        tests::looked_at();
        self.lines.get(at).map(|line| line.text).unwrap_or_default()
    }

    fn has_colon(&self, at: usize) -> bool {
        #[cfg(test)]
        tests::looked_at();
        self.lines.get(at).is_some_and(|line| line.colon)
    }

    /// Behind the last line of these that says anything.
    fn ends(&self, range: Range<usize>) -> usize {
        let blank = |at: &usize| self.line(*at).trim().is_empty();
        range
            .clone()
            .rev()
            .find(|at| !blank(at))
            .map_or(range.start, |at| at + 1)
    }

    /// The first line at or behind `from` that says anything.
    fn next(&self, from: usize) -> Option<usize> {
        (from..self.lines.len()).find(|at| !self.line(*at).trim().is_empty())
    }

    /// The line with which what was written before begins.
    fn history(&self) -> Option<usize> {
        let quoted_to_the_end = self.quoted_tail();
        (0..self.lines.len()).find(|&at| {
            let line = self.line(at);
            if line.starts_with('>') {
                return quoted_to_the_end.is_some_and(|tail| at >= tail);
            }
            if !self.forwards && (self.is_rule(at) || self.is_block(at)) {
                return true;
            }
            let Some((behind, addressed)) = self.attribution(at) else {
                return false;
            };
            match self.next(behind) {
                None => true,
                // Answers between what is quoted, or below it, are there to be read.
                Some(next) if self.line(next).starts_with('>') => {
                    quoted_to_the_end.is_some_and(|tail| next >= tail)
                }
                // Without marks it may be the writer's own: a program names an address.
                Some(_) => addressed,
            }
        })
    }

    /// The line with which that begins by an element's word. There is nothing behind such an element but what
    /// was written before; and no answers are in it, between what is quoted.
    fn marked_history(&self, marks: &[Mark]) -> Option<usize> {
        let all = self.lines.len();
        let of_it = |mark: &&Mark| {
            let end = mark.end.unwrap_or(all);
            let Some(first) = self.next(mark.first).filter(|first| *first < end) else {
                // Nothing is in it: then what follows.
                return mark.end.is_none();
            };
            let behind = self.next(end).is_none();
            let quoted = (first..end).find(|at| self.line(*at).starts_with('>'));
            let answered = quoted.is_some_and(|from| {
                let of_it = |line: &str| line.starts_with('>') || line.trim().is_empty();
                !(from..end).all(|at| of_it(self.line(at)))
            });
            behind && !answered && !self.line(first).starts_with("-----")
        };
        let marks = marks.iter().filter(|mark| mark.kind == Kind::History);
        let mark = marks.filter(|_| !self.forwards).find(of_it)?;
        self.next(mark.first)
    }

    /// The line with which a signature begins by an element's word, behind which there is nothing up to `end`.
    fn marked_signature(&self, marks: &[Mark], end: usize) -> Option<usize> {
        let is_last = |mark: &&Mark| {
            let behind = mark.end.and_then(|end| self.next(end));
            mark.first < end && behind.is_none_or(|behind| behind >= end)
        };
        let marks = marks.iter().filter(|mark| mark.kind == Kind::Signature);
        marks.filter(is_last).map(|mark| mark.first).next()
    }

    /// From where on there is nothing but quoted lines, and a signature behind them.
    fn quoted_tail(&self) -> Option<usize> {
        let all = self.lines.len();
        let end = self.signature(0..all).unwrap_or(all);
        let end = self.ends(0..end);
        let of_it = |line: &str| line.starts_with('>') || line.trim().is_empty();
        let start = (0..end)
            .rev()
            .take_while(|at| of_it(self.line(*at)))
            .last()?;
        self.next(start).filter(|first| *first < end)
    }

    /// A rule that says what is below it; or one without words, over a block of fields.
    fn is_rule(&self, at: usize) -> bool {
        let line = self.line(at).trim();
        if !line.starts_with(['_', '-']) {
            return false;
        }
        if line.len() >= 10 && line.bytes().all(|octet| octet == b'_') {
            return self.next(at + 1).is_some_and(|next| self.is_block(next));
        }
        if !line.starts_with("--") || !line.ends_with("--") || line.len() > WORDS_MAX {
            return false;
        }
        let bare = line.trim_matches(['-', ' ', '*']);
        words::ORIGINAL.contains(&bare.to_lowercase().as_str())
    }

    /// A block of fields with the author's at its head (the Outlooks, and the web mailers like them).
    fn is_block(&self, at: usize) -> bool {
        if !self.has_colon(at) || field(self.line(at)) != Some(Label::From) {
            return false;
        }
        let below = at + 1..(at + 1 + BLOCK_MAX).min(self.lines.len());
        let below = below.take_while(|at| !self.line(*at).trim().is_empty());
        let (mut subject, mut others) = (false, 0);
        for at in below {
            match field(self.line(at)) {
                Some(Label::Subject) => subject = true,
                Some(Label::To | Label::Cc | Label::Date) => others += 1,
                Some(Label::From | Label::ReplyTo) | None => {}
            }
        }
        subject && others > 0
    }

    /// Behind the words of who wrote when, where they begin at this line; and whether an address is among them.
    fn attribution(&self, at: usize) -> Option<(usize, bool)> {
        // Most lines are followed by none that a colon ends.
        let ends = |line: usize| self.has_colon(line) && self.line(line).trim_end().ends_with(':');
        if !(at..at + ATTRIBUTION_MAX).any(ends) {
            return None;
        }
        let first = self.line(at).trim();
        let opens = words::OPENERS.iter().any(|word| first.starts_with(word));
        if !opens && !first.contains('@') {
            return None;
        }
        let mut said = String::new();
        for line in at..at + ATTRIBUTION_MAX {
            let text = self.line(line).trim();
            if text.is_empty() || text.starts_with('>') || said.len() + text.len() > WORDS_MAX {
                return None;
            }
            if !said.is_empty() {
                said.push(' ');
            }
            said.push_str(text);
            let Some(said) = said.strip_suffix(':') else {
                continue;
            };
            let said = said.trim_end().trim_end_matches("(a)");
            let dated = said.bytes().any(|octet| octet.is_ascii_digit());
            let written = words::WROTE.iter().any(|word| match opens {
                true => said.contains(word),
                false => said.ends_with(word),
            });
            return (dated && written).then(|| (line + 1, said.contains('@')));
        }
        None
    }

    /// The line with which a signature begins that goes to the end of these.
    fn signature(&self, range: Range<usize>) -> Option<usize> {
        let end = self.ends(range.clone());
        let of_range = |at: &usize| {
            let line = self.line(*at);
            line == "-- " || (line == "--" && end - at <= SIGNATURE_MAX)
        };
        // The first, but none that stands above everything.
        let by_rule = range.clone().find(of_range);
        let last = self.line(end.saturating_sub(1)).trim();
        let by_phone = (end > 0 && last.len() < WORDS_MAX)
            .then(|| last.to_lowercase())
            .filter(|last| words::PHONES.iter().any(|words| last.starts_with(words)))
            .map(|_| end - 1);
        [by_rule, by_phone].into_iter().flatten().min()
    }
}

/// The field that a line holds, whatever marks of bold text stand around its name.
fn field(line: &str) -> Option<Label> {
    let line = line.trim_start_matches([' ', '*', '\t', '|']);
    let begins = line.as_bytes();
    let colon = memchr(b':', begins.get(..LABEL_MAX).unwrap_or(begins))?;
    let name = line.get(..colon)?.trim_end_matches(['*', ' ', '\u{a0}']);
    label(&name.to_lowercase())
}

#[cfg(test)]
mod tests;
