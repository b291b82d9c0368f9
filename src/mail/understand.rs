//! From the skimmed structure to what the message says. Never fails: what can't be read is left
//! out and noted.
//!
//! Which leaves are the body: every text/plain and text/html without a file name or disposition
//! "attachment". They are read as sections that follow each other; the leaves under one outermost
//! multipart/alternative are one section that exists in two forms. HTML is given whole or not at
//! all (sections without it are set as preformatted text), made harmless; and so is plain text: where a
//! section exists as HTML only, or its plain text is but a word that there is HTML, all of it is made from the
//! HTML.
//! Whether a program wrote it is asked of [`machine`], and whether it is a report of [`report`].

use super::charset;
use super::field::Field;
use super::flowed;
use super::grammar;
use super::history;
use super::html::{Clean, Cleaner};
use super::machine;
use super::message::{Address, Attachment, Date, Message, Oddities, Oddity, TextFrom, BODY_MAX};
use super::report;
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
    let clean = read_parts(skimmed, &mut message, &mut odd);
    let (text, from) = (message.text.as_deref(), message.from.first());
    let subject = message.subject.as_deref().unwrap_or_default();
    message.report = report::read(skimmed, root, from, subject, text.unwrap_or_default());
    // Of a report the copy below it is a part.
    let is_report = message.report.is_some();
    let mut folded = None;
    if let Some(clean) = &clean {
        let made = || history::new_lines(&clean.text, subject, &clean.marks);
        folded = (!is_report).then(made).flatten();
    }
    if !is_report {
        message.new_lines = match message.text_from {
            Some(TextFrom::Html) => folded,
            _ => text.and_then(|text| history::new_lines(text, subject, &[])),
        };
        message.machine = machine::read(skimmed, root, &message);
    }
    message.html = clean.map(|clean| clean.folded(folded));
    message.oddities = odd.into_vec();
    message
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

fn read_parts(skimmed: &Skimmed, message: &mut Message, odd: &mut Oddities) -> Option<Clean> {
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
    let clean = compose(sections, message);
    if let Some(text) = &mut message.text {
        // Only a rare character set, or escapes, can make more of it than was kept.
        let kept = words::cut(text, BODY_MAX).0.len();
        if kept < text.len() {
            odd.note(Oddity::LongText);
            text.truncate(kept);
        }
    }
    if clean.as_ref().is_some_and(|clean| clean.cut) {
        odd.note(Oddity::LongText);
    }
    let html = clean.as_ref().map(|clean| clean.html.as_str());
    let referred = html.map(referred).unwrap_or_default();
    for attachment in &mut message.attachments {
        let id = attachment.content_id.as_deref();
        attachment.inline |= id.is_some_and(|id| referred.contains(id));
    }
    clean
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

/// Octets of plain text that may be but a word that there is HTML.
const STUB_MAX: usize = 400;

/// The whole body in each of its two forms: the text into the message, and the HTML.
fn compose(sections: Vec<Section>, message: &mut Message) -> Option<Clean> {
    let mut clean = None;
    if sections.iter().any(|section| !section.html.is_empty()) {
        let mut cleaner = Cleaner::new();
        for section in &sections {
            match section.html.is_empty() {
                true => cleaner.plain(&section.plain),
                false => cleaner.html(&section.html),
            }
        }
        clean = Some(cleaner.finish());
    }
    let made = clean.as_ref().map(|clean| clean.text.as_str());
    let is_stub = |plain: &str| {
        let speaks_of_it = || plain.to_ascii_lowercase().contains("html");
        let made = made.unwrap_or_default();
        plain.len() <= STUB_MAX && made.len() > 2 * plain.len() && speaks_of_it()
    };
    let all_plain = sections.iter().all(|section| {
        !section.plain.is_empty() && (section.html.is_empty() || !is_stub(&section.plain))
    });
    let mut text = String::new();
    match (all_plain, made) {
        (false, Some(made)) => {
            message.text_from = Some(TextFrom::Html).filter(|_| !made.is_empty());
            made.clone_into(&mut text);
        }
        _ => sections
            .into_iter()
            .for_each(|section| append(&mut text, section.plain)),
    }
    message.text = Some(text).filter(|text| !text.is_empty());
    clean.filter(|clean| !clean.html.is_empty())
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
