//! From the skimmed structure to what the message says. Never fails: what can't be read is left
//! out and noted.
//!
//! Which leaves are the body: every text/plain and text/html without a file name or disposition
//! "attachment". They are read as sections that follow each other; the leaves under one outermost
//! multipart/alternative are one section that exists in two forms. HTML is given whole or not at
//! all (sections without it are set as preformatted text), and so is plain text (a section that
//! exists as HTML only leaves none: half a text would pass for the whole).
//! Whether a program wrote it is asked of [`machine`], whether it is a report of [`report`], what it forwards
//! of [`forwarded`], and who wrote what a list hands on of [`rewritten`].

use super::authentication::{self, Trace};
use super::charset;
use super::field::Field;
use super::flowed;
use super::forwarded::{self, How};
use super::grammar;
use super::history;
use super::machine;
use super::message::{Address, Attachment, Date, Message, Oddities, Oddity, BODY_MAX};
use super::report;
use super::rewritten;
use super::skim::{Content, Kind, Leaf, Name, Part, Skimmed};
use super::words;
use super::Digest;
use memchr::memmem;
use std::collections::BTreeSet;

/// Addresses that we keep of one field, and ids of References.
const LIST_MAX: usize = 1_000;

/// Octets of a subject that we keep.
const SUBJECT_MAX: usize = 4 * 1024;

/// Octets of a file name or Content-ID that we keep.
const NAME_MAX: usize = 1_000;

/// What a message says.
pub fn understand(skimmed: &Skimmed) -> Message {
    within(skimmed, 0)
}

/// What a message says that lies in so many others.
pub(super) fn within(skimmed: &Skimmed, depth: u32) -> Message {
    let mut odd = skimmed.oddities.clone();
    let mut message = Message::default();
    let nothing = Part {
        parent: None,
        fields: Vec::new(),
        kind: Kind::Unknown,
    };
    let root = skimmed.parts.first().unwrap_or(&nothing);
    if root.fields.is_empty() {
        // Not mail as far as anyone can tell: the original speaks for itself.
        odd.note(Oddity::NoHeader);
        message.unparsed = true;
        message.oddities = odd.into_vec();
        return message;
    }
    read_header(skimmed, root, &mut message, &mut odd);
    read_parts(skimmed, &mut message, &mut odd);
    let (text, from) = (message.text.as_deref(), message.from.first());
    let subject = message.subject.as_deref().unwrap_or_default();
    message.report = report::read(skimmed, root, from, subject, text.unwrap_or_default());
    if message.report.is_none() {
        message.forwarded = forwarded::read(skimmed, &message, depth);
        // Of a report the copy below it is a part, and a message that is forwarded in the text is the message.
        let text = message.text.as_deref();
        let text = text.filter(|_| message.forwarded.iter().all(|f| f.how == How::Part));
        message.new_lines = text.and_then(|text| history::new_lines(text, subject));
        message.machine = machine::read(skimmed, root, &message);
    }
    if depth == 0 {
        message.trace = trace(skimmed, root);
        message.rewritten = rewritten::read(skimmed, root, &message);
    }
    message.oddities = odd.into_vec();
    message
}

/// What servers put in front, topmost first.
fn trace(skimmed: &Skimmed, root: &Part) -> Vec<Trace> {
    let fields = skimmed.fields(root);
    let read = fields.filter_map(|(name, value)| match name {
        Name::Received => authentication::received(value).map(Trace::Received),
        Name::AuthenticationResults => Some(Trace::Checked(authentication::checked(value))),
        _ => None,
    });
    read.take(authentication::TRACE_MAX).collect()
}

fn read_header(skimmed: &Skimmed, root: &Part, message: &mut Message, odd: &mut Oddities) {
    let mut grouped = false;
    let from = all_addresses(skimmed, root, Name::From, &mut grouped, odd);
    match from.len() {
        0 => odd.note(Oddity::NoFrom),
        1 => {}
        _ => odd.note(Oddity::SeveralFrom),
    }
    if grouped {
        odd.note(Oddity::GroupFrom);
    }
    message.from = from;
    let list = |name, odd: &mut Oddities| all_addresses(skimmed, root, name, &mut false, odd);
    message.sender = list(Name::Sender, odd).into_iter().next();
    message.reply_to = list(Name::ReplyTo, odd);
    message.to = list(Name::To, odd);
    message.cc = list(Name::Cc, odd);
    let once = |name, odd: &mut Oddities| {
        let mut values = skimmed.values(root, name);
        let first = values.next();
        if values.next().is_some() {
            odd.note(Oddity::RepeatedField);
        }
        first
    };
    message.subject = once(Name::Subject, odd).map(|value| {
        let text = words::text(value, odd);
        let (subject, cut) = words::cut(&text, SUBJECT_MAX);
        if cut {
            odd.note(Oddity::LongField);
        }
        subject.to_owned()
    });
    message.date = once(Name::Date, odd).map(|value| {
        let ms = grammar::date(value);
        if ms.is_none() {
            odd.note(Oddity::UnreadableDate);
        }
        let original = words::text(value, odd);
        Date {
            ms,
            original: words::cut(&original, NAME_MAX).0.to_owned(),
        }
    });
    message.message_id =
        once(Name::MessageId, odd).and_then(|value| grammar::ids(value).into_iter().next());
    message.in_reply_to = bounded(
        once(Name::InReplyTo, odd)
            .map(grammar::ids)
            .unwrap_or_default(),
        odd,
    );
    message.references = bounded(
        once(Name::References, odd)
            .map(grammar::ids)
            .unwrap_or_default(),
        odd,
    );
}

/// The first one starts the conversation, the last ones are nearest: what is between may go.
fn bounded(mut ids: Vec<String>, odd: &mut Oddities) -> Vec<String> {
    if ids.len() > LIST_MAX {
        odd.note(Oddity::LongList);
        let excess = ids.len() - LIST_MAX;
        ids.drain(1..=excess);
    }
    ids
}

fn all_addresses(
    skimmed: &Skimmed,
    root: &Part,
    name: Name,
    grouped: &mut bool,
    odd: &mut Oddities,
) -> Vec<Address> {
    let mut all = Vec::new();
    for value in skimmed.values(root, name) {
        let addresses = grammar::addresses(value, odd);
        *grouped |= addresses.grouped;
        all.extend(addresses.list);
        if all.len() > LIST_MAX {
            odd.note(Oddity::LongList);
            all.truncate(LIST_MAX);
            break;
        }
    }
    all
}

/// A stretch of the body, in the forms in which it exists.
#[derive(Default)]
struct Section {
    /// The outermost multipart/alternative around it.
    alternative: Option<usize>,
    plain: String,
    html: String,
}

fn read_parts(skimmed: &Skimmed, message: &mut Message, odd: &mut Oddities) {
    let mut sections: Vec<Section> = Vec::new();
    let outermost = outermost_alternatives(&skimmed.parts);
    for (part, alternative) in skimmed.parts.iter().zip(outermost) {
        let Kind::Leaf(leaf) = &part.kind else {
            continue;
        };
        match &leaf.content {
            Content::Text(octets) => {
                let text = body_text(skimmed, part, leaf, octets, odd);
                if text.trim().is_empty() {
                    continue;
                }
                let joins = alternative.is_some()
                    && sections
                        .last()
                        .is_some_and(|section| section.alternative == alternative);
                if !joins {
                    sections.push(Section {
                        alternative,
                        ..Section::default()
                    });
                }
                if let Some(section) = sections.last_mut() {
                    let form = match leaf.media.as_str() {
                        "text/html" => &mut section.html,
                        _ => &mut section.plain,
                    };
                    append(form, text);
                }
            }
            Content::Passed(digest) => {
                let attachment = attachment(skimmed, part, leaf, digest, odd);
                message.attachments.push(attachment);
            }
        }
    }
    (message.text, message.html) = compose(sections);
    for body in [&mut message.text, &mut message.html].into_iter().flatten() {
        // Only a rare character set, or escapes, can make more of it than was kept.
        let kept = words::cut(body, BODY_MAX).0.len();
        if kept < body.len() {
            odd.note(Oddity::LongText);
            body.truncate(kept);
        }
    }
    let referred = message.html.as_deref().map(referred).unwrap_or_default();
    for attachment in &mut message.attachments {
        let id = attachment.content_id.as_deref();
        attachment.inline |= id.is_some_and(|id| referred.contains(id));
    }
}

/// For each part the index of the outermost multipart/alternative that it lies in.
fn outermost_alternatives(parts: &[Part]) -> Vec<Option<usize>> {
    let mut outermost: Vec<Option<usize>> = Vec::with_capacity(parts.len());
    for part in parts {
        // A multipart stands before its parts, so its own answer is known already.
        let found = part.parent.and_then(|parent| {
            let above = outermost.get(parent).copied().flatten();
            let here = parts
                .get(parent)
                .is_some_and(|parent| parent.kind == Kind::Alternative);
            above.or(here.then_some(parent))
        });
        outermost.push(found);
    }
    outermost
}

fn body_text(
    skimmed: &Skimmed,
    part: &Part,
    leaf: &Leaf,
    octets: &[u8],
    odd: &mut Oddities,
) -> String {
    let content_type = leaf
        .typed
        .then(|| skimmed.values(part, Name::ContentType).next())
        .flatten()
        .map(Field::read);
    let mut parameter = |name| {
        content_type
            .as_ref()
            .and_then(|field| field.text(name, odd))
    };
    let (label, format, del_sp) = (
        parameter("charset"),
        parameter("format"),
        parameter("delsp"),
    );
    let text = charset::decode(label.as_deref(), octets, odd);
    if text.contains('\0') {
        odd.note(Oddity::NulOctets);
    }
    let text = unix_lines(text);
    match leaf.media == "text/plain" && flowed::is_flowed(format.as_deref()) {
        true => flowed::unwrap(
            &text,
            del_sp.is_some_and(|yes| yes.eq_ignore_ascii_case("yes")),
        ),
        false => text,
    }
}

/// CRLF becomes LF; a lone CR stays.
fn unix_lines(text: String) -> String {
    let mut breaks = memmem::find_iter(text.as_bytes(), b"\r\n").peekable();
    if breaks.peek().is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for at in breaks {
        out.push_str(text.get(from..at).unwrap_or_default());
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

fn attachment(
    skimmed: &Skimmed,
    part: &Part,
    leaf: &Leaf,
    digest: &Digest,
    odd: &mut Oddities,
) -> Attachment {
    let field = |name| skimmed.values(part, name).next().map(Field::read);
    let disposition = field(Name::ContentDisposition).unwrap_or_default();
    let name = disposition
        .text("filename", odd)
        .or_else(|| field(Name::ContentType).and_then(|field| field.text("name", odd)))
        .map(|name| words::cut(name.trim(), NAME_MAX).0.to_owned())
        .filter(|name| !name.is_empty());
    let content_id = skimmed
        .values(part, Name::ContentId)
        .next()
        .and_then(|value| grammar::ids(value).into_iter().next());
    Attachment {
        name,
        content_type: leaf.media.clone(),
        inline: disposition.token == "inline",
        content_id,
        range: leaf.range.clone(),
        encoding: leaf.encoding,
        size: digest.size,
        sha256: digest.sha256,
    }
}

/// Set a text behind what there is, without a copy where there is nothing.
fn append(form: &mut String, text: String) {
    if form.is_empty() {
        *form = text;
        return;
    }
    if !form.ends_with('\n') {
        form.push('\n');
    }
    form.push_str(&text);
}

/// The whole body in each of its two forms.
fn compose(sections: Vec<Section>) -> (Option<String>, Option<String>) {
    let mut text = String::new();
    let mut html = String::new();
    let some_html = sections.iter().any(|section| !section.html.is_empty());
    let all_plain = sections.iter().all(|section| !section.plain.is_empty());
    for section in sections {
        if some_html {
            let whole = match section.html.is_empty() {
                true => preformatted(&section.plain),
                false => section.html,
            };
            append(&mut html, whole);
        }
        if all_plain {
            append(&mut text, section.plain);
        }
    }
    (
        Some(text).filter(|text| !text.is_empty()),
        Some(html).filter(|html| !html.is_empty()),
    )
}

fn preformatted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str("<pre>");
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out.push_str("</pre>");
    out
}

/// The Content-IDs that an HTML text refers to (RFC 2392).
fn referred(html: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for at in memmem::find_iter(html.as_bytes(), b"cid:") {
        let rest = html.get(at + 4..).unwrap_or_default();
        let rest = words::cut(rest, NAME_MAX).0;
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | ')' | '<'))
            .unwrap_or(rest.len());
        let id = rest.get(..end).unwrap_or_default();
        ids.insert(id.replace("%40", "@"));
    }
    ids
}

#[cfg(test)]
mod tests;
