//! The structure of a message, read in one pass over slices of any size, in flat memory.
//!
//!   header section | blank line | body                        one leaf
//!   header section | blank line | preamble | --b | part | --b | part | --b-- | epilogue
//!
//! Of each header section only the fields that somebody asks for are kept. Of each leaf: a text
//! that is (part of) the body is decoded and kept; everything else, and a text too long to show,
//! passes through decoder and digest, and its range stays. A message inside the message is a
//! leaf. Every bound is in [`Limits`]; what lies beyond one is an oddity, never a failure.
//!
//! A delimiter (RFC 2046 §5.1.1) is a whole line, so that one boundary may be the beginning of
//! another; the line break before it is not the body's. Characters are not looked at here.

use super::decode::Encoding;
use super::digest::Digest;
use super::field::{self, Field};
use super::message::{Oddities, Oddity};
use memchr::{memchr, memmem};
use std::ops::Range;

mod header;
mod inner;
mod lines;
mod sink;

pub(crate) use header::Name;
pub(crate) use inner::Inner;
use inner::{Packing, Unpacker};
use lines::Delimiter;
pub use sink::File;
use sink::Sink;

/// How much of a message is followed and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Parts; the rest of the message becomes one opaque attachment.
    pub parts: usize,
    /// Multiparts inside each other.
    pub depth: usize,
    /// Octets of one body text, decoded.
    pub text: usize,
    /// Octets of all body texts together.
    pub texts: usize,
    /// Octets of one field's value.
    pub field: usize,
    /// Octets of kept fields in the message's own header section.
    pub header: usize,
    /// Octets of the fields there that servers put in front; the topmost are kept.
    pub trace: usize,
    /// Octets of kept fields in all other header sections together.
    pub part_headers: usize,
    /// Octets kept, decoded, of the beginning of one part that tells of another message.
    pub beginning: usize,
    /// Octets kept, decoded, of one calendar.
    pub calendar: usize,
    /// Octets of all such beginnings together.
    pub beginnings: usize,
    /// Octets of whole attachments, decoded, that are kept for who sends them on.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            parts: 1_000,
            depth: 32,
            text: 1024 * 1024,
            texts: 2 * 1024 * 1024,
            field: 32 * 1024,
            header: 128 * 1024,
            trace: 16 * 1024,
            part_headers: 128 * 1024,
            beginning: 16 * 1024,
            calendar: 64 * 1024,
            beginnings: 128 * 1024,
            files: 0,
        }
    }
}

/// A line that starts with two hyphens and is longer than this is no delimiter (RFC 5322 §2.1.1
/// allows 998 octets, RFC 2046 §5.1.1 a boundary of 70).
const DELIMITER_MAX: usize = 1_000;

/// What a mail system says of a message (RFC 3464, RFC 6533).
pub(crate) const STATUS: &[&str] = &["message/delivery-status", "message/global-delivery-status"];

/// What a reader's program says of one (RFC 8098, RFC 6533).
pub(crate) const DISPOSITION: &[&str] = &[
    "message/disposition-notification",
    "message/global-disposition-notification",
];

/// What an abuse desk says of one (RFC 5965).
pub(crate) const FEEDBACK: &[&str] = &["message/feedback-report"];

/// The message itself, some of it, or its header.
pub(crate) const COPY: &[&str] = &[
    "message/rfc822",
    "message/global",
    "message/partial",
    "message/rfc822-headers",
    "text/rfc822-headers",
    "message/global-headers",
];

/// What is asked to be put into a calendar (RFC 5545).
pub(crate) const CALENDAR: &str = "text/calendar";

/// All that tells of another message.
const TELLS: [&[&str]; 4] = [STATUS, DISPOSITION, FEEDBACK, COPY];

/// The structure of a message as it was skimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skimmed {
    /// Octets of the whole message.
    pub length: u64,
    /// Attachments as they are, as far as there was room for them.
    pub files: Vec<File>,
    pub(crate) parts: Vec<Part>,
    /// The kept fields' values, unfolded, one after the other.
    pub(crate) values: Vec<u8>,
    pub(crate) oddities: Oddities,
}

impl Skimmed {
    /// The values of a part's fields of one name, in order.
    pub(crate) fn values<'a>(
        &'a self,
        part: &'a Part,
        name: Name,
    ) -> impl Iterator<Item = &'a [u8]> {
        part.fields
            .iter()
            .filter(move |field| field.name == name)
            .filter_map(|field| self.values.get(field.range.clone()))
    }

    /// A part's fields with their values, in order.
    pub(crate) fn fields<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = (Name, &'a [u8])> {
        let fields = part.fields.iter();
        fields.filter_map(|field| Some((field.name, self.values.get(field.range.clone())?)))
    }

    /// Octets that it holds on to: what a test of flatness counts.
    pub fn weight(&self) -> usize {
        let texts: usize = self.parts.iter().map(Part::weight).sum();
        let files: usize = self.files.iter().map(|f| f.octets.capacity()).sum();
        self.values.capacity() + texts + files
    }
}

/// One MIME entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The multipart that it is in, as an index.
    pub(crate) parent: Option<usize>,
    pub(crate) fields: Vec<Kept>,
    pub(crate) kind: Kind,
}

impl Part {
    fn weight(&self) -> usize {
        let text = match &self.kind {
            Kind::Leaf(leaf) => {
                let text = match &leaf.content {
                    Content::Text(text) => text.capacity(),
                    Content::Passed(_) => 0,
                };
                let inner = leaf.inner.as_ref().map_or(0, |inner| inner.weight());
                text + leaf.beginning.capacity() + inner
            }
            _ => 0,
        };
        size_of::<Part>() + self.fields.capacity() * size_of::<Kept>() + text
    }
}

/// A field that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) name: Name,
    /// Where its value stands in [`Skimmed::values`].
    pub(crate) range: Range<usize>,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its header section isn't over.
    Unknown,
    /// multipart/alternative: its parts say the same.
    Alternative,
    /// Any other multipart: its parts follow each other.
    Sequence,
    /// Something with content.
    Leaf(Leaf),
}

/// A part without parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) media: String,
    /// Its own Content-Type counts; otherwise `media` is our word for it.
    pub(crate) typed: bool,
    pub(crate) range: Range<u64>,
    pub(crate) encoding: Encoding,
    pub(crate) content: Content,
    /// How it begins, decoded, where it tells of another message.
    pub(crate) beginning: Vec<u8>,
    /// What is packed in it.
    pub(crate) inner: Option<Box<Inner>>,
}

/// What is known of a leaf's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A body text, decoded but still in its character set.
    Text(Vec<u8>),
    /// Something to hand on.
    Passed(Digest),
}

/// Where the scanner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the header section of the last part.
    Header,
    /// In a body, and there at:
    Line(Within),
    /// In what is followed no more: no delimiter counts.
    Opaque,
}

/// Where in a line of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// At its start, nothing held back.
    Start,
    /// Somewhere after its start.
    Middle,
    /// Held back: a line break, or the beginning of one, or one and a hyphen.
    Break,
    /// Held back: a line break of so many octets, and the line that may be a delimiter.
    Candidate(usize),
}

/// A multipart that isn't closed.
#[derive(Debug)]
struct Open {
    part: usize,
    boundary: Vec<u8>,
    /// Its parts are messages unless they say otherwise (RFC 2046 §5.1.5).
    digest: bool,
    /// One of its delimiters was seen.
    seen: bool,
}

/// Reads a message slice by slice.
#[derive(Debug)]
pub struct Skim {
    limits: Limits,
    /// Octets consumed so far.
    at: u64,
    state: State,
    parts: Vec<Part>,
    values: Vec<u8>,
    oddities: Oddities,
    open: Vec<Open>,
    sink: Option<Sink>,
    /// A header line under way, and where it began.
    line: Vec<u8>,
    line_at: u64,
    /// The field under way, if it is kept, and where its value began.
    field: Option<(Name, usize)>,
    /// Fields of the section under way, kept or not.
    section_fields: u64,
    /// Octets of values that may still be kept.
    header_left: usize,
    /// Octets of the servers' fields that may still be kept.
    trace_left: usize,
    /// Octets of text that may still be kept.
    texts_left: usize,
    /// Octets of beginnings that may still be kept.
    beginnings_left: usize,
    /// Parts that may still be looked into.
    packed_left: usize,
    /// Octets of attachments that may still be kept.
    files_left: usize,
    files: Vec<File>,
    held: Vec<u8>,
    /// Where in the message `held` began.
    held_at: u64,
    /// A multipart has been closed, and what follows belongs to nothing.
    epilogue: bool,
    scratch: Vec<u8>,
    break_and_hyphens: memmem::Finder<'static>,
}

impl Skim {
    /// A scanner for one message.
    pub fn new(limits: Limits) -> Skim {
        Skim {
            limits,
            at: 0,
            state: State::Header,
            parts: vec![Part {
                parent: None,
                fields: Vec::with_capacity(12),
                kind: Kind::Unknown,
            }],
            values: Vec::with_capacity(1024),
            oddities: Oddities::default(),
            open: Vec::new(),
            sink: None,
            line: Vec::new(),
            line_at: 0,
            field: None,
            section_fields: 0,
            header_left: limits.header,
            trace_left: limits.trace,
            texts_left: limits.texts,
            beginnings_left: limits.beginnings,
            packed_left: inner::PACKED_MAX,
            files_left: limits.files,
            files: Vec::new(),
            held: Vec::new(),
            held_at: 0,
            epilogue: false,
            scratch: Vec::new(),
            break_and_hyphens: memmem::Finder::new(b"\n--"),
        }
    }

    /// Take the next octets of the message.
    pub fn feed(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let taken = match self.state {
                State::Header => self.header(rest),
                State::Line(within) => self.body(within, rest),
                State::Opaque => {
                    self.pour(rest);
                    rest.len()
                }
            };
            self.at += taken as u64;
            // Each state either takes octets or moves to one that does; see `body`.
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// The message is over.
    pub fn finish(mut self) -> Skimmed {
        self.header_end_of_input();
        self.body_end_of_input();
        self.end_body(self.at);
        if !self.open.is_empty() {
            self.oddities.note(Oddity::NotClosed);
        }
        Skimmed {
            length: self.at,
            files: self.files,
            parts: self.parts,
            values: self.values,
            oddities: self.oddities,
        }
    }

    /// Octets that were held back as a header line, and are a body's.
    fn replay(&mut self, octets: &[u8]) {
        self.at = self.line_at;
        self.feed(octets);
    }

    /// The header section of the last part is over: decide what the part is. Its body starts at
    /// `start`.
    fn begin_body(&mut self, start: u64) {
        self.end_field();
        let index = self.parts.len().saturating_sub(1);
        let in_digest = self.open.last().is_some_and(|open| open.digest);
        let shape = self.shape(index, in_digest);
        self.epilogue = false;
        self.state = State::Line(Within::Start);
        let (kind, leaf, packing) = match shape {
            Shape::Multipart {
                alternative,
                digest,
                boundary,
            } => {
                self.open.push(Open {
                    part: index,
                    boundary,
                    digest,
                    seen: false,
                });
                let kind = if alternative {
                    Kind::Alternative
                } else {
                    Kind::Sequence
                };
                // Held until the first delimiter shows that it was only a preamble.
                (kind, Leaf::text_of_multipart(), None)
            }
            Shape::Leaf(leaf, packing) => (Kind::Unknown, leaf, packing),
        };
        if let Some(part) = self.parts.get_mut(index) {
            part.kind = kind;
        }
        let media = leaf.media.as_str();
        let tells = TELLS.iter().any(|kind| kind.contains(&media));
        let most = match (media == CALENDAR, tells) {
            (true, _) => self.limits.calendar,
            (false, true) => self.limits.beginning,
            (false, false) => 0,
        };
        let mut sink = Sink::new(leaf, start, self.files_left);
        sink.beginning = most.min(self.beginnings_left);
        if let Some(packing) = packing.filter(|_| self.packed_left > 0) {
            self.packed_left -= 1;
            sink.unpacker = Some(Unpacker::new(packing, self.texts_left));
        }
        self.sink = Some(sink);
    }

    /// What the last part's Content fields make of it.
    fn shape(&mut self, index: usize, in_digest: bool) -> Shape {
        let first = |name| {
            let part = self.parts.get(index)?;
            let kept = part.fields.iter().find(|kept| kept.name == name)?;
            self.values.get(kept.range.clone())
        };
        let content_type = Field::read(first(Name::ContentType).unwrap_or_default());
        let disposition = Field::read(first(Name::ContentDisposition).unwrap_or_default());
        let encoding = Field::read(first(Name::ContentTransferEncoding).unwrap_or_default());
        let (encoding, odd) = Encoding::named(&encoding.token);
        field::note(&content_type, &mut self.oddities);
        field::note(&disposition, &mut self.oddities);
        let media = field::media(&content_type);
        if let Some(sub) = media.and_then(|media| media.strip_prefix("multipart/")) {
            let boundary = content_type.octets("boundary").unwrap_or_default();
            let boundary = boundary.trim_ascii_end().to_vec();
            if boundary.is_empty() || boundary.len() > DELIMITER_MAX - 4 {
                self.oddities.note(Oddity::NoBoundary);
                return Shape::Leaf(Leaf::text_of_multipart(), None);
            }
            if self.open.len() >= self.limits.depth {
                self.oddities.note(Oddity::DeepNesting);
                return Shape::Leaf(Leaf::opaque(), None);
            }
            return Shape::Multipart {
                alternative: sub == "alternative",
                digest: sub == "digest",
                boundary,
            };
        }
        if let Some(odd) = odd {
            self.oddities.note(odd);
        }
        let media = match media {
            Some(media) => media,
            None if in_digest && content_type.token.is_empty() => "message/rfc822",
            None if matches!(content_type.token.as_str(), "" | "text") => "text/plain",
            None => "application/octet-stream",
        };
        let is_file = disposition.token == "attachment"
            || disposition.has("filename")
            || content_type.has("name");
        let is_body = matches!(media, "text/plain" | "text/html") && !is_file;
        let packing = Packing::of(media, &content_type, &disposition);
        let leaf = Leaf {
            media: media.to_owned(),
            typed: true,
            range: 0..0,
            encoding,
            content: match is_body {
                true => Content::Text(Vec::new()),
                false => Content::Passed(Digest::of(&[])),
            },
            beginning: Vec::new(),
            inner: None,
        };
        Shape::Leaf(leaf, packing)
    }

    /// A new part begins inside the innermost open multipart.
    fn begin_part(&mut self, start: u64) {
        let full = self.parts.len() >= self.limits.parts;
        if self.parts.len() == 1 {
            self.header_left = self.limits.part_headers;
        }
        self.parts.push(Part {
            parent: self.open.last().map(|open| open.part),
            fields: Vec::new(),
            kind: Kind::Unknown,
        });
        self.section_fields = 0;
        self.epilogue = false;
        if full {
            self.oddities.note(Oddity::ManyParts);
            self.state = State::Opaque;
            self.sink = Some(Sink::new(Leaf::opaque(), start, self.files_left));
            // What is followed no more can't be left unclosed.
            self.open.clear();
        } else {
            self.state = State::Header;
        }
    }

    /// The body under way ends at `end`.
    fn end_body(&mut self, end: u64) {
        let Some(mut sink) = self.sink.take() else {
            return;
        };
        let room = self.limits.text.min(self.texts_left);
        sink.end(&mut self.scratch, room, &mut self.oddities);
        let index = match self.open.last() {
            // A multipart without a delimiter: what we took for its preamble is all there is.
            Some(open) if !open.seen => {
                self.oddities.note(Oddity::BoundaryNotFound);
                open.part
            }
            _ => self.parts.len().saturating_sub(1),
        };
        if sink.is_damaged() {
            self.oddities.note(Oddity::DamagedEncoding);
        }
        let mut leaf = sink.leaf;
        leaf.range = sink.start..end.max(sink.start);
        self.beginnings_left = self.beginnings_left.saturating_sub(leaf.beginning.len());
        match &mut leaf.content {
            Content::Text(text) => {
                self.texts_left = self.texts_left.saturating_sub(text.len());
                text.shrink_to_fit();
            }
            Content::Passed(digest) => {
                *digest = sink.digester.finish();
                leaf.inner = sink.unpacker.and_then(Unpacker::finish).map(Box::new);
                let weight = leaf.inner.as_ref().map_or(0, |inner| inner.weight());
                self.texts_left = self.texts_left.saturating_sub(weight);
                if let Some(octets) = sink.file {
                    self.files_left -= octets.len();
                    let start = sink.start;
                    self.files.push(File { start, octets });
                }
            }
        }
        if let Some(part) = self.parts.get_mut(index) {
            part.kind = Kind::Leaf(leaf);
        }
    }

    /// Octets of the body under way.
    fn pour(&mut self, octets: &[u8]) {
        let Some(sink) = &mut self.sink else {
            if self.epilogue && octets.iter().any(|b| !b.is_ascii_whitespace()) {
                self.oddities.note(Oddity::TextAfterEnd);
                self.epilogue = false;
            }
            return;
        };
        let room = self.limits.text.min(self.texts_left);
        sink.pour(octets, &mut self.scratch, room, &mut self.oddities);
    }
}

enum Shape {
    Multipart {
        alternative: bool,
        digest: bool,
        boundary: Vec<u8>,
    },
    Leaf(Leaf, Option<Packing>),
}

#[cfg(test)]
mod tests;
