//! The ticket: everything that a portal is told about a message, in words that are no portal's.
//!
//! Composed once, from the message and what was decided. The same input gives the same octets for
//! ever: no clock, no order that a hash map chose. Strings are bounded and hold no NUL (many
//! databases take none); other control characters are left to whoever shows them. The content of
//! attachments isn't here: [`sources`] says where in the original each one lies.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::limits::{self, Omission};
use super::origin::{By, Origin};
use super::rule::Marks;
use super::storm::{Alike, Surge};
use super::token::Token;
use crate::mail::authentication::Verdict;
use crate::mail::{clean, Address, Digest, Encoding, Event, Inside, Invited, MachineKind, Message};
use crate::mail::{Moment, Oddity, Protection, TextFrom, BODY_MAX};

/// Octets of a subject, a name or an address that a ticket carries.
const LINE_MAX: usize = 1_000;

/// Octets of what is but a word.
const CODE_MAX: usize = 40;

/// Octets of a sender or subject within a sentence.
const SHOWN_MAX: usize = 160;

/// What every reader of JSON has exactly: 2^53 - 1.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// The name of the original where it is attached.
pub(super) const ORIGINAL: &str = "original.eml";

/// Somebody with an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The display name.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// That further messages like this one are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// What they have in common.
    pub alike: Alike,
    /// The how-manieth of them this is.
    pub count: u32,
    /// Within so many minutes.
    pub minutes: u32,
    /// The same as sentences for whoever reads the ticket.
    pub said: String,
}

/// A file that goes with a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// A name that every file system takes, never empty.
    pub name: String,
    /// The media type.
    pub content_type: String,
    /// Octets.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Shown within the body.
    pub inline: bool,
    /// The id by which the HTML body refers to it.
    pub content_id: Option<String>,
}

/// A file that the ticket goes without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// Why, as a code.
    pub reason: String,
    /// The limit that it is over, where there is one.
    pub limit: Option<u64>,
}

/// What the portal is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The delivery key.
    pub key: Key,
    /// The address of the mailbox that received the message.
    pub mailbox: String,
    /// When the mail server received it, in milliseconds since 1970.
    pub received_at: i64,
    /// When the sender says to have sent it, likewise.
    pub date: Option<i64>,
    /// Every author; the first one is the sender.
    pub from: Vec<Person>,
    /// The Sender field.
    pub sender: Option<Person>,
    /// Where answers should go.
    pub reply_to: Vec<Person>,
    /// Main recipients.
    pub to: Vec<Person>,
    /// Further recipients.
    pub cc: Vec<Person>,
    /// One line; empty where there was none.
    pub subject: String,
    /// The body as plain text.
    pub text: Option<String>,
    /// Lines at the beginning of `text` that were written now, where there are others.
    pub new_lines: Option<u32>,
    /// What the text was made from, where it isn't the message's own.
    pub text_from: Option<TextFrom>,
    /// The body as HTML, made harmless.
    pub html: Option<String>,
    /// Message-ID.
    pub message_id: Option<String>,
    /// In-Reply-To.
    pub in_reply_to: Vec<String>,
    /// References, oldest first.
    pub references: Vec<String>,
    /// The requester's id in the portal's directory.
    pub user: Option<String>,
    /// The requester's company's id.
    pub company: Option<String>,
    /// The first message of the ticket that it answers.
    pub about: Option<Key>,
    /// What the portal puts into its own mail about the ticket.
    pub token: Option<String>,
    /// A program wrote it because of something else.
    pub automatic: bool,
    /// Whose request it is.
    pub requester: Option<Person>,
    /// By which way that was found.
    pub requester_by: Option<By>,
    /// The directory's id of the technician who forwarded it.
    pub technician: Option<String>,
    /// Who else has it: To and Cc without our own addresses and the requester, each once.
    pub participants: Vec<Person>,
    /// What the operator's own mail server found out about the author.
    pub authentication: Option<Verdict>,
    /// The author's address is a known user's, and may be forged.
    pub doubtful: bool,
    /// Further messages like it are held.
    pub storm: Option<Storm>,
    /// What the operator's rules say of it.
    #[serde(default)]
    pub marks: Option<Box<Marks>>,
    /// The files, in the order of the message.
    pub attachments: Vec<File>,
    /// The files that it goes without, likewise.
    pub omitted: Vec<LeftOut>,
    /// What is to be put into a calendar.
    pub events: Vec<Event>,
    /// How the message is protected.
    pub protection: Option<Protection>,
    /// The message could not be read; the original is attached.
    pub unparsed: bool,
    /// What was strange about the message, as codes.
    pub oddities: Vec<String>,
}

/// The original message, where it is to be attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawOriginal {
    /// Octets.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// Where it lies: all of the message.
    pub range: Range<u64>,
}

impl RawOriginal {
    /// A whole message of which this is the digest.
    pub fn whole(digest: Digest) -> RawOriginal {
        RawOriginal {
            size: digest.size,
            sha256: digest.sha256,
            range: 0..digest.size,
        }
    }
}

/// What a ticket says besides the message itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The delivery key.
    pub key: Key,
    /// The mailbox's address.
    pub mailbox: String,
    /// When the server received the message, in milliseconds since 1970.
    pub received_at: i64,
    /// As decided.
    pub user: Option<String>,
    /// As decided.
    pub company: Option<String>,
    /// As decided.
    pub origin: Origin,
    /// As decided.
    pub marks: Option<Box<Marks>>,
    /// Attach the original: given for every message that can't be read here.
    pub raw: Option<RawOriginal>,
    /// As decided.
    pub about: Option<Key>,
    /// The reply token of the ticket that it begins, or goes into.
    pub token: Option<Token>,
    /// As decided: further messages of its group are held.
    pub storm: Option<Surge>,
    /// Files that are left out, in the order of the message.
    pub omitted: Vec<Omission>,
}

/// Where the octets of one attachment come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The how-manieth of the message's files it is, from zero on.
    pub file: u32,
    /// Its encoded octets in the original message.
    pub range: Range<u64>,
    /// How they are encoded there.
    pub encoding: Encoding,
    /// Where it lies within what they are decoded, where it came packed in another.
    pub inside: Option<Inside>,
    /// Octets after decoding.
    pub size: u64,
    /// SHA-256 after decoding.
    pub sha256: [u8; 32],
}

/// What the portal answered when it took a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The portal's id of the ticket.
    pub ticket: String,
    /// The number that people use for it.
    pub number: Option<String>,
}

/// The ticket of a message.
pub fn compose(message: &Message, facts: &Facts) -> Ticket {
    let mut files: Vec<File> = message
        .attachments
        .iter()
        .enumerate()
        .map(|(index, attachment)| File {
            name: file_name(attachment.name.as_deref(), index, &attachment.content_type),
            content_type: attachment.content_type.clone(),
            size: attachment.size,
            sha256: HEXLOWER.encode(&attachment.sha256),
            inline: attachment.inline,
            content_id: attachment.content_id.as_deref().map(line),
        })
        .collect();
    files.extend(facts.raw.as_ref().map(|raw| File {
        name: ORIGINAL.to_owned(),
        content_type: "message/rfc822".to_owned(),
        size: raw.size,
        sha256: HEXLOWER.encode(&raw.sha256),
        inline: false,
        content_id: None,
    }));
    let omitted = leave_out(&mut files, &facts.omitted);
    let said = match facts.omitted.as_slice() {
        [] => Said::of(message),
        why => Said::of(message).below(&note(&omitted, why, facts)),
    };
    let origin = &facts.origin;
    let requester = origin.requester.as_ref().or(message.author());
    Ticket {
        key: facts.key,
        mailbox: facts.mailbox.clone(),
        received_at: facts.received_at,
        date: message.date.as_ref().and_then(|date| date.ms),
        from: people(&message.from),
        sender: message.sender.as_ref().map(person),
        reply_to: people(&message.reply_to),
        to: people(&message.to),
        cc: people(&message.cc),
        subject: message.subject.as_deref().map(line).unwrap_or_default(),
        text: said.text,
        new_lines: said.new_lines,
        text_from: said.text_from,
        html: said.html,
        message_id: message.message_id.as_deref().map(line),
        in_reply_to: message.in_reply_to.iter().map(|id| line(id)).collect(),
        references: message.references.iter().map(|id| line(id)).collect(),
        user: facts.user.clone(),
        company: match &facts.marks {
            Some(marks) if marks.company.is_some() => marks.company.clone(),
            _ => facts.company.clone(),
        },
        about: facts.about,
        token: facts.token.map(|token| token.to_string()),
        automatic: message.report.is_some()
            || message
                .machine
                .as_ref()
                .is_some_and(|m| m.kind == MachineKind::Reply),
        requester: requester.map(person),
        requester_by: requester.map(|_| origin.by),
        technician: origin.technician.clone(),
        participants: participants(message, facts, requester),
        authentication: origin.authentication.clone(),
        doubtful: origin.doubtful,
        storm: facts.storm.map(|surge| storm(surge, message, requester)),
        marks: facts.marks.clone(),
        attachments: files,
        omitted,
        events: message.events.iter().map(event).collect(),
        protection: message.protection,
        unparsed: message.unparsed,
        oddities: message.oddities.iter().map(Oddity::to_string).collect(),
    }
}

/// What a person reads of the ticket.
struct Said {
    text: Option<String>,
    new_lines: Option<u32>,
    text_from: Option<TextFrom>,
    html: Option<String>,
}

impl Said {
    fn of(message: &Message) -> Said {
        Said {
            text: message.text.as_deref().map(body),
            new_lines: message.new_lines,
            text_from: message.text_from,
            html: message.html.as_deref().map(body),
        }
    }

    /// The same below a note of ours: above what may be shown folded.
    fn below(self, note: &[String]) -> Said {
        let lines = u32::try_from(note.len()).unwrap_or(u32::MAX);
        let mut text = note.join("\n");
        text.push('\n');
        // There was none: the note is all that there is.
        let text_from = match &self.text {
            Some(_) => self.text_from,
            None => Some(TextFrom::Notice),
        };
        if let Some(below) = &self.text {
            text.push('\n');
            text.push_str(below);
        }
        let html = self.html.map(|html| {
            let note: Vec<String> = note.iter().map(|line| clean::for_html(line)).collect();
            let note = note.join("<br>");
            bounded(
                &format!("<div data-postern=\"omitted\">{note}</div>{html}"),
                BODY_MAX,
            )
        });
        Said {
            text: Some(bounded(&text, BODY_MAX)),
            // And an empty line.
            new_lines: self.new_lines.map(|new| new.saturating_add(lines + 1)),
            text_from,
            html,
        }
    }
}

/// Takes the files out that are left out, and returns them.
fn leave_out(files: &mut Vec<File>, omitted: &[Omission]) -> Vec<LeftOut> {
    if omitted.is_empty() {
        return Vec::new();
    }
    let mut left_out = Vec::new();
    let mut at = 0_u32;
    files.retain(|file| {
        let of_it = omitted.iter().find(|o| o.file == at);
        at += 1;
        left_out.extend(of_it.map(|omission| LeftOut {
            file: file.clone(),
            reason: omission.why.code().to_owned(),
            limit: omission.why.limit().map(|most| most.min(NUMBER_MAX)),
        }));
        of_it.is_none()
    });
    left_out
}

/// What is said of them.
fn note(left_out: &[LeftOut], omitted: &[Omission], facts: &Facts) -> Vec<String> {
    let files = left_out.iter().zip(omitted).map(|(left_out, omission)| {
        let file = &left_out.file;
        (file.name.as_str(), file.size, &omission.why)
    });
    limits::note(files, &line(&facts.mailbox), &facts.key.short())
}

/// Where each of the ticket's attachments comes from, in the same order.
pub fn sources(message: &Message, raw: Option<&RawOriginal>, omitted: &[Omission]) -> Vec<Source> {
    let mut sources: Vec<Source> = message
        .attachments
        .iter()
        .zip(0..)
        .map(|(attachment, file)| Source {
            file,
            range: attachment.range.clone(),
            encoding: attachment.encoding,
            inside: attachment.inside.clone(),
            size: attachment.size,
            sha256: attachment.sha256,
        })
        .collect();
    sources.extend(raw.map(|raw| Source {
        file: u32::try_from(message.attachments.len()).unwrap_or(u32::MAX),
        range: raw.range.clone(),
        encoding: Encoding::Identity,
        inside: None,
        size: raw.size,
        sha256: raw.sha256,
    }));
    if !omitted.is_empty() {
        sources.retain(|source| omitted.iter().all(|o| o.file != source.file));
    }
    sources
}

/// Who else has the message.
fn participants(message: &Message, facts: &Facts, requester: Option<&Address>) -> Vec<Person> {
    let own = facts
        .origin
        .own
        .iter()
        .map(|own| Cow::Borrowed(own.as_str()));
    let mailbox = Address::fold(&facts.mailbox);
    // A list's own address stands in From where it names the requester elsewhere.
    let authors = requester.into_iter().chain(&message.from);
    let authors = authors.map(Address::folded).chain([mailbox]);
    let mut left_out: BTreeSet<Cow<'_, str>> = own.chain(authors.map(Cow::Owned)).collect();
    let all = message.to.iter().chain(&message.cc);
    let others = all.filter(|a| a.address.contains('@') && left_out.insert(a.folded().into()));
    others.map(person).collect()
}

/// What the last message of its group that passes says of those behind it.
fn storm(surge: Surge, message: &Message, requester: Option<&Address>) -> Storm {
    let Surge {
        alike,
        count,
        minutes,
        ..
    } = surge;
    let what = match alike {
        Alike::Sender => requester.map(|r| r.address.as_str()),
        Alike::Subject => message.subject.as_deref(),
    };
    let what = bounded(&line(what.unwrap_or_default()), SHOWN_MAX);
    let alike_word = alike.word();
    Storm {
        alike,
        count,
        minutes,
        said: format!(
            "This is message {count} of the {alike_word} \"{what}\" within {minutes} minutes. More of them are \
             held in postern while they come so fast, and make no tickets until somebody decides there: \
             `postern held list --reason storm`."
        ),
    }
}

fn people(addresses: &[Address]) -> Vec<Person> {
    addresses.iter().map(person).collect()
}

fn person(address: &Address) -> Person {
    Person {
        name: address.name.as_deref().map(line).filter(|n| !n.is_empty()),
        address: line(&address.address),
    }
}

fn event(event: &Event) -> Event {
    let one = |text: &Option<String>| text.as_deref().map(line).filter(|text| !text.is_empty());
    let moment = |moment: &Option<Moment>| {
        moment.as_ref().map(|moment| Moment {
            at: moment.at.clone(),
            zone: one(&moment.zone),
        })
    };
    let invited = |invited: &Invited| Invited {
        name: one(&invited.name),
        address: line(&invited.address),
        answer: one(&invited.answer),
    };
    Event {
        method: one(&event.method).map(|method| bounded(&method, CODE_MAX)),
        uid: one(&event.uid),
        summary: one(&event.summary),
        starts: moment(&event.starts),
        ends: moment(&event.ends),
        lasts: one(&event.lasts),
        instead: moment(&event.instead),
        recurs: one(&event.recurs),
        location: one(&event.location),
        organizer: event.organizer.as_ref().map(invited),
        attendees: event.attendees.iter().map(invited).collect(),
        about: event.about.as_deref().map(body),
        comment: event.comment.as_deref().map(body),
    }
}

fn line(text: &str) -> String {
    bounded(&clean::for_line(text), LINE_MAX)
}

fn body(text: &str) -> String {
    let text = bounded(text, BODY_MAX);
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

fn bounded(text: &str, max: usize) -> String {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// A name for a file, made up where the sender gave none.
pub(super) fn file_name(given: Option<&str>, index: usize, content_type: &str) -> String {
    if let Some(given) = given {
        return clean::for_file_name(given);
    }
    let extension = match content_type {
        "message/rfc822" | "message/global" => "eml",
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/svg+xml" => "svg",
        "message/delivery-status" | "text/rfc822-headers" => "txt",
        _ => "bin",
    };
    format!("attachment-{}.{extension}", index + 1)
}

#[cfg(test)]
mod tests;
