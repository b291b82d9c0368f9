//! From the skimmed structure to what the message says. Never fails: what can't be read is left
//! out and noted.
//!
//! Which leaves are the body: every text/plain and text/html without a file name or disposition
//! "attachment". They are read as sections that follow each other; the leaves under one outermost
//! multipart/alternative are one section that exists in two forms. HTML is given whole or not at
//! all (sections without it are set as preformatted text), made harmless; and so is plain text: where a
//! section exists as HTML only, or its plain text is but a word that there is HTML, all of it is made from the
//! HTML.
//! Whether a program wrote it is asked of [`machine`], whether it is a report of [`report`], what it forwards
//! of [`forwarded`], and who wrote what a list hands on of [`rewritten`].

use super::authentication::{self, Trace};
use super::forwarded::{self, How};
use super::grammar;
use super::history;
use super::machine;
use super::message::{Address, Date, Message, Oddities, Oddity, TextFrom};
use super::report;
use super::rewritten;
use super::skim::{Kind, Name, Part, Skimmed};
use super::words;

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
    if root.fields.iter().all(|field| field.name.is_trace()) {
        // Not mail as far as anyone can tell: the original speaks for itself.
        odd.note(Oddity::NoHeader);
        message.unparsed = true;
        message.oddities = odd.into_vec();
        return message;
    }
    read_header(skimmed, root, &mut message, &mut odd);
    let clean = parts::read(skimmed, &mut message, &mut odd);
    let (text, from) = (message.text.as_deref(), message.from.first());
    let subject = message.subject.as_deref().unwrap_or_default();
    message.report = report::read(skimmed, root, from, subject, text.unwrap_or_default());
    let is_report = message.report.is_some();
    if !is_report {
        let made = clean.as_ref().map(|clean| clean.text.as_str());
        message.forwarded = forwarded::read(skimmed, &message, made, depth);
    }
    // Of a report the copy below it is a part, and a message that is forwarded in the text is the message.
    let folds = !is_report && message.forwarded.iter().all(|f| f.how == How::Part);
    let subject = message.subject.as_deref().unwrap_or_default();
    let mut folded = None;
    if let Some(clean) = &clean {
        let made = || history::new_lines(&clean.text, subject, &clean.marks);
        folded = folds.then(made).flatten();
    }
    if !is_report {
        let text = message.text.as_deref().filter(|_| folds);
        message.new_lines = match message.text_from {
            Some(TextFrom::Html) => folded,
            _ => text.and_then(|text| history::new_lines(text, subject, &[])),
        };
        message.machine = machine::read(skimmed, root, &message);
    }
    if depth == 0 {
        message.trace = trace(skimmed, root);
        message.rewritten = rewritten::read(skimmed, root, &message);
    }
    message.html = clean.map(|clean| clean.folded(folded));
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

mod parts;

#[cfg(test)]
mod tests;
