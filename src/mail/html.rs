//! HTML made harmless, and text made from it, in one pass. Pure.
//!
//! Whatever comes in, what goes out is written anew, tag by tag, from two closed lists (`tags`,
//! `attributes`): no script, no style that fetches, no form, no frame, nothing from elsewhere. Each `<` in it
//! begins a tag that we wrote, each tag is closed, and none is on the list whose content is read by other
//! rules than HTML's; so it means to every reader what it means here, however oddly the input was built. The
//! same input gives the same octets for ever: tickets are made again from the message.
//!
//! The text beside it is what a person would see: blocks on lines, items marked, quotes with `>`, cells of a
//! row beside each other, links with their addresses. Where each line begins in the HTML is remembered: where
//! what is new ends is read off the text (`history`), and marked in both.
//!
//! Elements are closed as browsers do where mail depends on it (paragraphs, items, cells, links), and no end
//! tag reaches out of its cell. Time and memory follow the octets: nothing is looked for twice, elements stand
//! [`DEPTH_MAX`] deep and no deeper.
//!
//! # Decisions
//!
//! A writer of our own, not `ammonia`, whose tree is html5ever's. Measured: it makes the program 1.2 MB larger
//! (of 8 that it may have), takes 2.9 ms for 75 KB of an Outlook's HTML, more than all else that such a mail
//! costs; 43 KB of `<font>` before `<p>` take it 90 ms and grow with the square, a megabyte of `<div>` more than a
//! minute: a mail that stops the box. `html5gum` is a tokenizer alone, 300 KB, of which its 2,231 names of
//! characters are most; a test holds what we write against it, as a reader that knows HTML by the letter. A parser
//! that is bounded, and as small, would change our mind.

use super::history::{Kind as MarkKind, Mark};
use super::BODY_MAX;
use attributes::Sign;
use lines::Lines;
use tags::{Kind, Tag};
use token::{Token, Tokens};

mod attributes;
mod entities;
mod fold;
mod lines;
mod tags;
mod token;

/// Elements inside each other.
const DEPTH_MAX: usize = 256;

/// Octets that an element which is open may still cost: its end, and a box that ends and begins again.
const CLOSING: usize = 64;

/// Octets of text made from HTML.
const TEXT_MAX: usize = 2 * 1024 * 1024;

/// Marks of history that are kept.
const MARKS_MAX: usize = 64;

/// A link's address that is longer is left out of the text.
const SHOWN_MAX: usize = 500;

/// What a line across the page becomes: what the Outlooks write themselves.
const RULE: &str = "________________________________";

/// A body made harmless, and what was read off it.
#[derive(Debug, Default)]
pub(super) struct Clean {
    pub(super) html: String,
    /// As a person would see it; its lines end with LF.
    pub(super) text: String,
    /// What the elements said of where somebody's own words end, by lines of `text`.
    pub(super) marks: Vec<Mark>,
    /// Something was left out at the end.
    pub(super) cut: bool,
    starts: Vec<u32>,
}

impl Clean {
    /// The HTML with what stands below the first `new` lines of the text in a box of its own, where it can be.
    pub(super) fn folded(self, new: Option<u32>) -> String {
        let below = new.and_then(|new| self.starts.get(new as usize..));
        // Blank lines begin nowhere.
        let mut lines = self.text.lines().skip(new.unwrap_or_default() as usize);
        let first = below.and_then(|below| {
            below
                .iter()
                .find(|_| lines.next().is_some_and(says_anything))
        });
        match first.filter(|at| **at != lines::NOWHERE) {
            Some(at) => fold::fold(&self.html, *at as usize),
            None => self.html,
        }
    }
}

/// Whether an element ends, or is another, where a box begins in it.
fn is_boxless(kind: Kind) -> bool {
    matches!(kind, Kind::Paragraph | Kind::Pre | Kind::Link)
}

fn says_anything(line: &str) -> bool {
    !line.trim_matches([' ', '>']).is_empty() || line.starts_with('>')
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    index: usize,
    tag: Tag,
    hidden: bool,
    /// Its mark, among the marks.
    mark: Option<usize>,
    /// Where its words begin in the text, and where it leads.
    link: Option<(usize, String)>,
    /// The row that was under way around it.
    row: usize,
    /// The breaks that are between it and what follows.
    breaks: usize,
    /// It was not written: nothing is left of it but its words.
    bare: bool,
}

/// Makes bodies harmless, one behind the other.
pub(super) struct Cleaner {
    out: String,
    lines: Lines,
    marks: Vec<Mark>,
    stack: Vec<Open>,
    /// How many of each element are open.
    open: [u16; tags::COUNT],
    /// Elements that are open and were left out, for they were too deep.
    too_deep: usize,
    hidden: usize,
    pre: usize,
    /// Elements that are open and would end where a box begins: paragraphs and the like.
    boxless: usize,
    /// The numbers of the lists that are open; none of one that has marks.
    lists: Vec<Option<u32>>,
    cut: bool,
}

impl Cleaner {
    pub(super) fn new() -> Cleaner {
        Cleaner {
            out: String::new(),
            lines: Lines::with_room(TEXT_MAX),
            marks: Vec::new(),
            stack: Vec::new(),
            open: [0; tags::COUNT],
            too_deep: 0,
            hidden: 0,
            pre: 0,
            boxless: 0,
            lists: Vec::new(),
            cut: false,
        }
    }

    /// Take a body that is HTML.
    pub(super) fn html(&mut self, html: &str) {
        self.begin_section();
        self.out.reserve(html.len() / 2);
        let mut tokens = Tokens::of(html);
        while let Some(token) = tokens.next() {
            let (Token::Text(raw) | Token::Open(_, raw) | Token::Close(raw)) = token;
            let fits = self.fitting(raw);
            match token {
                Token::Text(_) => self.text(fits),
                _ if self.cut => break,
                Token::Open(name, attributes) => self.open(name, attributes, &mut tokens),
                Token::Close(name) => self.close(name),
            }
        }
        self.end_section();
    }

    /// Take a body that is plain text.
    pub(super) fn plain(&mut self, text: &str) {
        self.begin_section();
        let fits = self.fitting(text);
        self.out.push_str("<pre>");
        attributes::escaped(&mut self.out, fits);
        self.out.push_str("</pre>");
        self.lines.verbatim(text, lines::NOWHERE);
        self.end_section();
    }

    pub(super) fn finish(mut self) -> Clean {
        self.lines.finish();
        Clean {
            html: self.out,
            text: self.lines.text,
            marks: self.marks,
            cut: self.cut || self.lines.full,
            starts: self.lines.starts,
        }
    }

    fn begin_section(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn end_section(&mut self) {
        self.close_from(0);
        (self.too_deep, self.hidden, self.pre) = (0, 0, 0);
        self.lists.clear();
        self.lines.end_section();
    }

    /// As much of this as there is room for, however it is written. What is open is closed in what is left.
    fn fitting<'t>(&mut self, raw: &'t str) -> &'t str {
        let room = (BODY_MAX - DEPTH_MAX * CLOSING).saturating_sub(self.out.len() + 200);
        // A character is six octets at most.
        if raw.len() * 6 <= room && !self.cut {
            return raw;
        }
        let mut octets = 0;
        let fits = raw.char_indices().find(|(_, character)| {
            octets += match character {
                '"' => 6,
                '&' | '<' | '>' | '\0' => 5,
                other => other.len_utf8(),
            };
            octets > room
        });
        self.cut |= fits.is_some();
        fits.and_then(|(end, _)| raw.get(..end)).unwrap_or(raw)
    }

    /// Where in the HTML a box could begin now; see `fold`.
    fn here(&self) -> u32 {
        let may_have_a_box = |open: &Open| {
            use Kind::{Block, Cell, Inline, Item, Quote};
            matches!(open.tag.kind, Block | Cell | Inline | Item | Quote)
        };
        match self.boxless == 0 && self.stack.last().is_none_or(may_have_a_box) {
            true => u32::try_from(self.out.len()).unwrap_or(lines::NOWHERE),
            false => lines::NOWHERE,
        }
    }

    fn text(&mut self, raw: &str) {
        if self.pre == 0 && raw.bytes().all(|octet| octet.is_ascii_whitespace()) {
            // Between elements there is nothing to be seen but one blank.
            if !self.out.is_empty() && !self.out.ends_with('\n') {
                self.out
                    .push_str(if raw.contains('\n') { "\n" } else { " " });
            }
            self.lines.words(" ", lines::NOWHERE);
            return;
        }
        let at = self.here();
        let (out, lines) = (&mut self.out, &mut self.lines);
        let (shown, pre) = (self.hidden == 0, self.pre > 0);
        token::decoded(raw, false, |piece| {
            attributes::escaped(out, piece);
            match (shown, pre) {
                (true, true) => lines.verbatim(piece, at),
                (true, false) => lines.words(piece, at),
                (false, _) => {}
            }
        });
    }

    fn open(&mut self, name: &str, attributes: &str, tokens: &mut Tokens<'_>) {
        let Some((lower, length)) = tags::lower(name) else {
            return;
        };
        let lower = lower.get(..length).unwrap_or_default();
        let Some((index, tag)) = tags::find(lower) else {
            if let Some(raw) = tokens.raw(lower) {
                if matches!(lower, b"textarea" | b"xmp") {
                    let fits = self.fitting(raw);
                    self.text(fits);
                }
            }
            return;
        };
        if tag.kind.is_of_table() && !self.has(b"table") {
            // Nothing without a table around it.
            self.lines.at_least(1);
            return;
        }
        self.make_way(tag);
        let at = self.here();
        self.lines.place(at, self.stack.len());
        if tag.kind.is_void() {
            return self.void(tag, attributes);
        }
        if self.stack.len() >= DEPTH_MAX {
            self.too_deep += 1;
            return;
        }
        let begin = self.out.len();
        self.out.push('<');
        self.out.push_str(tag.name);
        let seen = attributes::write(&mut self.out, tag, attributes);
        // What only carried a style is a third of many a mail.
        let bare = matches!(tag.name, "span" | "font" | "a") && self.out.ends_with(tag.name);
        match bare {
            true => self.out.truncate(begin),
            false => self.out.push('>'),
        }
        let mut open = Open {
            index,
            tag,
            hidden: seen.hidden,
            mark: None,
            link: None,
            row: self.lines.row,
            breaks: if tag.kind == Kind::Paragraph && !seen.tight {
                2
            } else {
                1
            },
            bare,
        };
        self.hidden += usize::from(seen.hidden);
        match tag.kind {
            Kind::Link => open.link = seen.address.map(|address| (self.lines.text.len(), address)),
            Kind::Block | Kind::Table | Kind::Rows => self.lines.at_least(1),
            Kind::Paragraph => self.lines.at_least(open.breaks),
            Kind::Pre => {
                self.lines.at_least(1);
                self.pre += 1;
            }
            Kind::Quote => {
                self.lines.at_least(1);
                self.lines.quote += 1;
            }
            Kind::List => {
                self.lines.at_least(1);
                self.lines.indent += 1;
                self.lists
                    .push((tag.name == "ol").then(|| seen.start.unwrap_or(1)));
            }
            Kind::Item => {
                self.lines.at_least(1);
                self.lines.bullet = self.bullet(tag);
            }
            Kind::Row => open.row = self.lines.begin_row(),
            Kind::Cell => self.lines.begin_cell(),
            Kind::Inline | Kind::Void | Kind::Break | Kind::Rule | Kind::Picture => {}
        }
        if let Some(sign) = seen.sign.filter(|_| self.marks.len() < MARKS_MAX) {
            open.mark = (sign != Sign::Behind).then_some(self.marks.len());
            self.marks.push(Mark {
                first: self.lines.next_line(),
                end: None,
                kind: match sign {
                    Sign::Quoted | Sign::Behind => MarkKind::History,
                    Sign::Signature => MarkKind::Signature,
                },
            });
        }
        if let Some(count) = self.open.get_mut(index) {
            *count += 1;
        }
        self.boxless += usize::from(is_boxless(tag.kind));
        self.stack.push(open);
    }

    fn bullet(&mut self, tag: Tag) -> Option<String> {
        match (tag.name, self.lists.last_mut()) {
            ("li", Some(Some(number))) => {
                let bullet = format!("{number}. ");
                *number = number.saturating_add(1);
                Some(bullet)
            }
            ("li", _) => Some("- ".to_owned()),
            _ => None,
        }
    }

    fn void(&mut self, tag: Tag, attributes: &str) {
        self.out.push('<');
        self.out.push_str(tag.name);
        let seen = attributes::write(&mut self.out, tag, attributes);
        self.out.push('>');
        if self.hidden > 0 || seen.hidden {
            return;
        }
        match tag.kind {
            Kind::Break => self.lines.line_break(),
            Kind::Rule => {
                let at = self.here();
                self.lines.at_least(1);
                self.lines.words(RULE, at);
                self.lines.at_least(1);
            }
            Kind::Picture => {
                let at = self.here();
                let alt = seen.alt.trim();
                match seen.address {
                    Some(id) => self.lines.words(&format!("[cid:{id}]"), at),
                    None if !alt.is_empty() => self.lines.words(&format!("[{alt}]"), at),
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// How many of an element are open, by its name.
    fn has(&self, name: &[u8]) -> bool {
        let index = tags::find(name).map(|(index, _)| index);
        index
            .and_then(|index| self.open.get(index))
            .is_some_and(|count| *count > 0)
    }

    /// Close what ends where this one begins.
    fn make_way(&mut self, tag: Tag) {
        let from = |found: &dyn Fn(Kind) -> bool, barrier: &dyn Fn(Kind) -> bool| {
            let mut from = None;
            for (at, open) in self.stack.iter().enumerate().rev() {
                if barrier(open.tag.kind) {
                    break;
                }
                if found(open.tag.kind) {
                    from = Some(at);
                }
            }
            from
        };
        let rank = |kind: Kind| match kind {
            Kind::Rows => 1,
            Kind::Row => 2,
            Kind::Cell => 3,
            _ => 0,
        };
        let from = match tag.kind {
            Kind::Item => from(&|kind| kind == Kind::Item, &|kind| {
                matches!(kind, Kind::List | Kind::Table | Kind::Cell)
            }),
            Kind::Rows | Kind::Row | Kind::Cell => {
                from(&|kind| rank(kind) >= rank(tag.kind), &|kind| {
                    kind == Kind::Table
                })
            }
            _ => None,
        };
        if let Some(from) = from {
            self.close_from(from);
        }
        let also = match tag.kind {
            Kind::Link => Some(&b"a"[..]),
            kind if kind.is_block() => Some(&b"p"[..]),
            _ => None,
        };
        if let Some((index, ended)) = also.and_then(tags::find) {
            if let Some(at) = self.reaches(index, ended) {
                self.close_from(at);
            }
        }
    }

    fn close(&mut self, name: &str) {
        let Some((lower, length)) = tags::lower(name) else {
            return;
        };
        let Some((index, tag)) = tags::find(lower.get(..length).unwrap_or_default()) else {
            return;
        };
        if self.too_deep > 0 && !tag.kind.is_void() {
            self.too_deep -= 1;
            return;
        }
        if let Some(at) = self.reaches(index, tag) {
            self.close_from(at);
        }
    }

    /// The element that an end tag of this name closes: none outside of the cell, and of an inline one none
    /// outside of the block.
    fn reaches(&self, index: usize, tag: Tag) -> Option<usize> {
        if self.open.get(index).is_none_or(|count| *count == 0) {
            return None;
        }
        for (at, open) in self.stack.iter().enumerate().rev() {
            if open.index == index {
                return Some(at);
            }
            let of_table = tag.kind.is_of_table() || tag.kind == Kind::Table;
            let stops = match open.tag.kind {
                Kind::Table => true,
                Kind::Cell => !of_table,
                kind => tag.kind == Kind::Inline && kind.is_block(),
            };
            if stops {
                return None;
            }
        }
        None
    }

    /// Close all elements from this one on, the last first.
    fn close_from(&mut self, at: usize) {
        while self.stack.len() > at {
            let Some(open) = self.stack.pop() else { return };
            self.boxless -= usize::from(is_boxless(open.tag.kind)).min(self.boxless);
            self.ended(&open);
            if !open.bare {
                self.out.push_str("</");
                self.out.push_str(open.tag.name);
                self.out.push('>');
            }
            if let Some(count) = self.open.get_mut(open.index) {
                *count = count.saturating_sub(1);
            }
            self.lines.closed(self.stack.len());
        }
    }

    /// What the end of an element means for the text.
    fn ended(&mut self, open: &Open) {
        match open.tag.kind {
            Kind::Block | Kind::Table | Kind::Rows | Kind::Paragraph => {
                self.lines.at_least(open.breaks);
            }
            Kind::Item => {
                self.lines.at_least(1);
                self.lines.bullet = None;
            }
            Kind::Pre => {
                self.lines.at_least(1);
                self.pre = self.pre.saturating_sub(1);
            }
            Kind::Quote => {
                self.lines.at_least(1);
                self.lines.quote = self.lines.quote.saturating_sub(1);
            }
            Kind::List => {
                self.lines.at_least(1);
                self.lines.indent = self.lines.indent.saturating_sub(1);
                self.lists.pop();
            }
            Kind::Row => {
                self.lines.at_least(1);
                self.lines.row = open.row;
            }
            Kind::Link => self.leads(open),
            Kind::Cell | Kind::Inline | Kind::Void | Kind::Break | Kind::Rule | Kind::Picture => {}
        }
        self.hidden -= usize::from(open.hidden).min(self.hidden);
        if let Some(mark) = open.mark.and_then(|mark| self.marks.get_mut(mark)) {
            mark.end = Some(self.lines.starts.len());
        }
    }

    /// Set a link's address behind its words, where they are others.
    fn leads(&mut self, open: &Open) {
        let Some((from, address)) = &open.link else {
            return;
        };
        let words = self.lines.text.get(*from..).unwrap_or_default();
        let words = words.trim_matches(['\n', ' ', '>', '|', '-']);
        if words.is_empty() || self.hidden > 0 || address.len() > SHOWN_MAX {
            return;
        }
        let bare = |text: &str| {
            let text = ["https://", "http://", "mailto:", "tel:"]
                .iter()
                .find_map(|scheme| text.strip_prefix(scheme))
                .unwrap_or(text);
            text.trim_end_matches('/').to_lowercase()
        };
        if bare(words) != bare(address) {
            let at = self.here();
            self.lines.words(" ", at);
            self.lines.words(&format!("<{address}>"), at);
        }
    }
}

#[cfg(test)]
mod tests;
