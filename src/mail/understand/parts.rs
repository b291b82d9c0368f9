//! The parts of a message: which are its body, which are handed on, and what is packed in others.
//!
//! A signed object is read as if its content stood in its place, and stays attached, since it has the signature.
//! A winmail.dat gives its files, and its text where there is no other. What an invitation asks is told as data,
//! and in words where nothing else says anything.

use super::super::calendar;
use super::super::charset;
use super::super::field::Field;
use super::super::flowed;
use super::super::grammar;
use super::super::html::{Clean, Cleaner};
use super::super::message::{
    Attachment, Message, Oddities, Oddity, Protection, TextFrom, BODY_MAX,
};
use super::super::skim::{Content, Inner, Kind, Leaf, Name, Part, Skimmed, CALENDAR};
use super::super::tnef::Winmail;
use super::super::unpack::Inside;
use super::super::{block, words, Digest};
use super::NAME_MAX;
use memchr::{memchr_iter, memmem};
use std::collections::BTreeSet;

/// A stretch of the body, in the forms in which it exists.
#[derive(Default)]
struct Section {
    /// The outermost multipart/alternative around it: of the message, or of what is signed in it.
    alternative: Option<(usize, usize)>,
    plain: String,
    html: String,
}

/// What is gathered on the way through the parts.
#[derive(Default)]
struct Gathered {
    sections: Vec<Section>,
    /// The text of a winmail.dat, in both forms.
    packed: Option<Section>,
}

/// Read the parts into the message; the body's HTML comes back.
pub(super) fn read(skimmed: &Skimmed, message: &mut Message, odd: &mut Oddities) -> Option<Clean> {
    let mut gathered = Gathered::default();
    walk(skimmed, None, message, &mut gathered, odd);
    let mut from = TextFrom::Html;
    if let Some(packed) = gathered.packed.filter(|_| gathered.sections.is_empty()) {
        from = TextFrom::Winmail;
        gathered.sections.push(packed);
    }
    let clean = compose(gathered.sections, message, from);
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
    armoured(message);
    say_something(message);
    clean
}

/// Where nothing is there to be read, say what there is.
fn say_something(message: &mut Message) {
    if message.text.is_some() {
        return;
    }
    let (text, from) = match message.protection.filter(|p| p.is_encrypted()) {
        Some(protection) => {
            let by = match protection {
                Protection::PgpEncrypted => "OpenPGP",
                _ => "S/MIME",
            };
            let text = format!(
                "This message is encrypted ({by}) and could not be read here. The whole of it is attached, as original.eml.\n"
            );
            (text, TextFrom::Notice)
        }
        None if !message.events.is_empty() => {
            (calendar::in_words(&message.events), TextFrom::Calendar)
        }
        None => return,
    };
    message.text = Some(text);
    message.text_from = Some(from);
}

/// OpenPGP in the text itself (RFC 9580 §6.2, §7).
fn armoured(message: &mut Message) {
    if message.protection.is_some() {
        return;
    }
    let text = message
        .text
        .as_deref()
        .map(str::trim_start)
        .unwrap_or_default();
    message.protection = match text {
        text if text.starts_with("-----BEGIN PGP MESSAGE-----") => Some(Protection::PgpEncrypted),
        text if text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----") => {
            Some(Protection::PgpSigned)
        }
        _ => None,
    };
}

/// Go through the parts of a message, or of what is signed in a part of it.
fn walk(
    skimmed: &Skimmed,
    signed: Option<&Attachment>,
    message: &mut Message,
    gathered: &mut Gathered,
    odd: &mut Oddities,
) {
    let outermost = outermost_alternatives(&skimmed.parts);
    // Which of the objects that are looked into; none is within another.
    let of = signed.map_or(0, |_| message.attachments.len());
    for (part, alternative) in skimmed.parts.iter().zip(outermost) {
        let alternative = alternative.map(|index| (of, index));
        let Kind::Leaf(leaf) = &part.kind else {
            if matches!(part.kind, Kind::Sequence) {
                message.protection = message.protection.or_else(|| protection(skimmed, part));
            }
            continue;
        };
        match &leaf.content {
            Content::Text(octets) => {
                let text = body_text(skimmed, part, leaf, octets, odd);
                if text.trim().is_empty() {
                    continue;
                }
                let sections = &mut gathered.sections;
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
                let mut attachment = attachment(skimmed, part, leaf, digest, odd);
                if let Some(signed) = signed {
                    attachment.inside = Some(Inside::Signed {
                        range: attachment.range,
                        encoding: attachment.encoding,
                    });
                    attachment.range = signed.range.clone();
                    attachment.encoding = signed.encoding;
                }
                if leaf.media == CALENDAR && message.events.is_empty() {
                    message.events = calendar::events(&leaf.beginning);
                }
                match leaf.inner.as_deref() {
                    None => message.attachments.push(attachment),
                    Some(Inner::Encrypted) => {
                        message.protection.get_or_insert(Protection::SmimeEncrypted);
                        message.attachments.push(attachment);
                    }
                    Some(Inner::Signed(inner)) => {
                        message.protection.get_or_insert(Protection::SmimeSigned);
                        message.attachments.push(attachment.clone());
                        // What is odd in there is odd about the message.
                        for oddity in inner.oddities.each() {
                            odd.note(oddity);
                        }
                        walk(inner, Some(&attachment), message, gathered, odd);
                    }
                    Some(Inner::Winmail(winmail)) => {
                        unpacked(winmail, attachment, message, gathered, odd)
                    }
                }
            }
        }
    }
}

/// A winmail.dat: its files, and its text for when there is no other.
fn unpacked(
    winmail: &Winmail,
    whole: Attachment,
    message: &mut Message,
    gathered: &mut Gathered,
    odd: &mut Oddities,
) {
    for file in &winmail.files {
        let media = file.content_type.clone();
        message.attachments.push(Attachment {
            name: file.name.clone(),
            content_type: media.unwrap_or_else(|| "application/octet-stream".to_owned()),
            inline: false,
            content_id: file.content_id.clone(),
            size: file.digest.size,
            sha256: file.digest.sha256,
            inside: Some(Inside::Decoded(file.range.clone())),
            ..whole.clone()
        });
    }
    odd.note(match winmail.left {
        true => Oddity::WinmailLeft,
        false => Oddity::WinmailUnpacked,
    });
    if winmail.left {
        message.attachments.push(whole);
    }
    let lines = |text: &Option<String>| unix_lines(text.clone().unwrap_or_default());
    let section = Section {
        alternative: None,
        plain: lines(&winmail.text),
        html: lines(&winmail.html),
    };
    if !section.plain.trim().is_empty() || !section.html.trim().is_empty() {
        gathered.packed.get_or_insert(section);
    }
}

/// What a multipart says of how its parts are protected (RFC 1847).
fn protection(skimmed: &Skimmed, part: &Part) -> Option<Protection> {
    let field = skimmed
        .values(part, Name::ContentType)
        .next()
        .map(Field::read)?;
    let protocol = || {
        field
            .octets("protocol")
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    match field.token.as_str() {
        "multipart/signed" => Some(match protocol().as_slice() {
            b"application/pgp-signature" => Protection::PgpSigned,
            _ => Protection::SmimeSigned,
        }),
        "multipart/encrypted" => Some(Protection::PgpEncrypted),
        _ => None,
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
    let label = label.or_else(|| {
        let may_say = leaf.media == "text/html" && std::str::from_utf8(octets).is_err();
        may_say.then(|| charset::named_in_html(octets)).flatten()
    });
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
    let octets = text.as_bytes();
    let ends = |at: &usize| octets.get(at + 1) == Some(&b'\n');
    let mut breaks = memchr_iter(b'\r', octets).filter(ends).peekable();
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
    let is_message = leaf.media == "message/rfc822";
    let name = match is_message {
        true => name_of_message(name, leaf),
        false => name,
    };
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
        inside: None,
    }
}

/// The name of a message that is attached: its own subject where it was given none.
fn name_of_message(given: Option<String>, leaf: &Leaf) -> Option<String> {
    let subject = || {
        let blocks = block::blocks(&leaf.beginning);
        let subject = blocks.first().and_then(|block| block.text("subject"))?;
        // In a subject these lead nowhere.
        Some(
            words::cut(&subject.replace(['/', '\\'], "_"), NAME_MAX)
                .0
                .to_owned(),
        )
    };
    let name = given.or_else(subject)?;
    let ends = name.to_ascii_lowercase().ends_with(".eml");
    Some(if ends { name } else { format!("{name}.eml") })
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

/// Perl's Email::Stuffer and others send both forms one behind the other, not as alternatives
/// (`email-stuffer-two-forms-and-a-file`): what says the same twice is one section.
fn join_twins(sections: &mut Vec<Section>) {
    for at in (1..sections.len()).rev() {
        let Some([first, second]) = sections.get_mut(at - 1..=at) else {
            return;
        };
        let apart = first.html.is_empty() && second.plain.is_empty();
        // A text is shorter than the HTML that says the same.
        if apart && first.plain.len() <= second.html.len() && says_the_same(first, second) {
            first.html = std::mem::take(&mut second.html);
            sections.remove(at);
        }
    }
}

fn says_the_same(plain: &Section, html: &Section) -> bool {
    let mut cleaner = Cleaner::new();
    cleaner.html(&html.html);
    let made = cleaner.finish().text;
    let letters = |c: &char| c.is_alphanumeric();
    made.chars()
        .filter(letters)
        .eq(plain.plain.chars().filter(letters))
}

/// Octets of plain text that may be but a word that there is HTML.
const STUB_MAX: usize = 400;

/// The whole body in each of its two forms: the text into the message, and the HTML.
fn compose(mut sections: Vec<Section>, message: &mut Message, from: TextFrom) -> Option<Clean> {
    join_twins(&mut sections);
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
            message.text_from = Some(from).filter(|_| !made.is_empty());
            made.clone_into(&mut text);
        }
        _ => {
            message.text_from = Some(from).filter(|from| *from == TextFrom::Winmail);
            for section in sections {
                append(&mut text, section.plain);
            }
        }
    }
    message.text = Some(text).filter(|text| !text.is_empty());
    clean.filter(|clean| !clean.html.is_empty())
}

/// The Content-IDs that an HTML text refers to (RFC 2392).
pub(super) fn referred(html: &str) -> BTreeSet<String> {
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
