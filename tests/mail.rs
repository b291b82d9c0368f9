//! Every odd mail that we know of, and what is understood of it.
//!
//! `tests/mail/NAME.eml` is a message named by what is odd in it, `NAME.want` beside it what must
//! come out: the message, then the lines that differ where its names are made safe.

#![allow(clippy::unwrap_used)] // a missing fixture is a failed test

use postern::mail::{clean, understand, Address, Attachment, Digest, Limits};
use postern::mail::{Event, Invited, Message, Moment, Skim, Skimmed, Trace, Unpack};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail")
}

fn skim(octets: &[u8], slice: usize) -> Skimmed {
    let mut skim = Skim::new(Limits::default());
    octets.chunks(slice).for_each(|slice| skim.feed(slice));
    skim.finish()
}

/// Every message, by name, in order.
fn messages() -> Vec<(String, Vec<u8>)> {
    let mut messages: Vec<(String, Vec<u8>)> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "eml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    messages.sort();
    messages
}

fn people(out: &mut String, label: &str, people: &[Address]) {
    for person in people {
        match &person.name {
            Some(name) => writeln!(out, "{label}: {name:?} {:?}", person.address).unwrap(),
            None => writeln!(out, "{label}: {:?}", person.address).unwrap(),
        }
    }
}

fn file(out: &mut String, raw: &[u8], attachment: &Attachment) {
    let range = attachment.range.start as usize..attachment.range.end as usize;
    let mut unpack = Unpack::new(attachment.encoding, attachment.inside.as_ref());
    let mut content = Vec::new();
    for slice in raw[range].chunks(100) {
        unpack.feed(slice, &mut content);
    }
    unpack.finish(&mut content);
    let digest = Digest::of(&content);
    assert_eq!(digest.size, attachment.size, "size by range");
    assert_eq!(digest.sha256, attachment.sha256, "digest by range");
    let name = attachment.name.as_deref();
    writeln!(
        out,
        "file: {:?} {} {:?} {} octets{}{}{}",
        name.unwrap_or("-"),
        attachment.content_type,
        attachment.encoding,
        attachment.size,
        if attachment.inline { " inline" } else { "" },
        match &attachment.content_id {
            Some(id) => format!(" id {id:?}"),
            None => String::new(),
        },
        if attachment.inside.is_some() {
            " packed"
        } else {
            ""
        },
    )
    .unwrap();
    if let Some(name) = name.filter(|name| clean::for_file_name(name) != *name) {
        writeln!(out, "  as a file: {:?}", clean::for_file_name(name)).unwrap();
    }
    let start = String::from_utf8_lossy(&content[..content.len().min(60)]).into_owned();
    writeln!(out, "  content: {start:?}").unwrap();
}

fn event(out: &mut String, event: &Event) {
    let moment = |moment: &Option<Moment>| match moment {
        Some(Moment { at, zone }) => format!("{at} {}", zone.as_deref().unwrap_or("-")),
        None => "-".to_owned(),
    };
    let person =
        |person: &Invited| format!("{:?} {:?} {:?}", person.name, person.address, person.answer);
    let (starts, ends) = (moment(&event.starts), moment(&event.ends));
    writeln!(
        out,
        "event: {:?} {:?} {starts} to {ends}",
        event.method, event.summary
    )
    .unwrap();
    for (label, text) in [
        ("uid", &event.uid),
        ("lasts", &event.lasts),
        ("recurs", &event.recurs),
        ("where", &event.location),
        ("about", &event.about),
        ("comment", &event.comment),
    ] {
        if let Some(text) = text {
            writeln!(out, "  {label}: {text:?}").unwrap();
        }
    }
    if event.instead.is_some() {
        writeln!(out, "  instead of: {}", moment(&event.instead)).unwrap();
    }
    if let Some(organizer) = &event.organizer {
        writeln!(out, "  organizer: {}", person(organizer)).unwrap();
    }
    for attendee in &event.attendees {
        writeln!(out, "  invited: {}", person(attendee)).unwrap();
    }
}

fn summary(raw: &[u8], message: &Message) -> String {
    let mut out = String::new();
    let text = &mut out;
    people(text, "from", &message.from);
    people(text, "sender", message.sender.as_slice());
    people(text, "reply-to", &message.reply_to);
    people(text, "to", &message.to);
    people(text, "cc", &message.cc);
    if let Some(subject) = &message.subject {
        writeln!(text, "subject: {subject:?}").unwrap();
        if clean::for_line(subject) != *subject {
            writeln!(text, "  as a line: {:?}", clean::for_line(subject)).unwrap();
        }
    }
    if let Some(date) = &message.date {
        writeln!(text, "date: {:?} {:?}", date.ms, date.original).unwrap();
    }
    if let Some(id) = &message.message_id {
        writeln!(text, "message-id: {id:?}").unwrap();
    }
    if !message.in_reply_to.is_empty() {
        writeln!(text, "in-reply-to: {:?}", message.in_reply_to).unwrap();
    }
    if !message.references.is_empty() {
        writeln!(text, "references: {:?}", message.references).unwrap();
    }
    if let Some(body) = &message.text {
        writeln!(text, "text: {body:?}").unwrap();
    }
    if let Some(from) = message.text_from {
        writeln!(text, "text from: {}", from.code()).unwrap();
    }
    if let Some(lines) = message.new_lines {
        writeln!(text, "new lines: {lines}").unwrap();
    }
    if let Some(body) = &message.html {
        writeln!(text, "html: {body:?}").unwrap();
    }
    for attachment in &message.attachments {
        file(text, raw, attachment);
    }
    for told in &message.events {
        event(text, told);
    }
    if let Some(protection) = message.protection {
        writeln!(text, "protection: {}", protection.code()).unwrap();
    }
    if let Some(machine) = &message.machine {
        writeln!(text, "machine: {:?} by {:?}", machine.kind, machine.sign).unwrap();
    }
    if let Some(report) = &message.report {
        let (original, subject) = (&report.original, &report.subject);
        writeln!(text, "report: {:?} {original:?} {subject:?}", report.kind).unwrap();
        for about in &report.about {
            let (action, status) = (&about.action, &about.status);
            let address = &about.address;
            writeln!(text, "  about: {address:?} {action:?} {status:?}").unwrap();
            if let Some(sent) = &about.as_sent {
                writeln!(text, "    sent to: {sent:?}").unwrap();
            }
            if let Some(said) = &about.said {
                writeln!(text, "    said: {said:?}").unwrap();
            }
        }
    }
    if let Some(rewritten) = &message.rewritten {
        writeln!(text, "rewritten: by {:?}", rewritten.sign).unwrap();
        people(text, "  author", std::slice::from_ref(&rewritten.author));
    }
    for forwarded in &message.forwarded {
        let author = std::slice::from_ref(&forwarded.author);
        people(text, &format!("forwarded: {:?}", forwarded.how), author);
    }
    for field in &message.trace {
        if let Trace::Checked(checked) = field {
            writeln!(text, "checked: {:?}", checked.server).unwrap();
            for found in &checked.results {
                let (method, result) = (&found.method, found.result.code());
                writeln!(text, "  {method}: {result} {:?}", found.properties).unwrap();
            }
        }
    }
    for oddity in &message.oddities {
        writeln!(text, "odd: {oddity}").unwrap();
    }
    if message.unparsed {
        writeln!(text, "unparsed").unwrap();
    }
    out
}

#[test]
fn every_odd_mail_is_understood_as_its_want_says() {
    let messages = messages();
    assert!(
        messages.len() >= 50,
        "only {} messages found",
        messages.len()
    );
    let mut wrong = String::new();
    for (name, raw) in messages {
        let found = summary(&raw, &understand(&skim(&raw, 256 * 1024)));
        let wanted = fs::read_to_string(folder().join(format!("{name}.want"))).unwrap_or_default();
        if found != wanted {
            writeln!(wrong, "== {name}\n-- wanted\n{wanted}-- found\n{found}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Goes red where a mail that a program made is lost from the list, or the list names one that is not there.
#[test]
fn the_mails_of_real_programs_are_those_of_the_list() {
    let list = fs::read_to_string(folder().join("PROGRAMS.md")).unwrap();
    let rows = list.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter_map(|row| row.split(" | ").collect::<Vec<_>>().try_into().ok());
    let rows: Vec<[&str; 4]> = rows
        .filter(|[file, ..]: &[&str; 4]| *file != "file")
        .collect();
    assert!(rows.len() >= 60, "only {} mails of programs", rows.len());
    for [file, program, version, _] in rows {
        assert!(
            folder().join(format!("{file}.eml")).exists(),
            "{file} of {program} is not there"
        );
        assert!(
            version.contains(|c: char| c.is_ascii_digit()),
            "which {program}?"
        );
    }
}

#[test]
fn slices_make_no_difference_to_any_odd_mail() {
    for (name, raw) in messages() {
        let whole = skim(&raw, raw.len().max(1));
        for slice in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(whole, skim(&raw, slice), "{name} in slices of {slice}");
        }
    }
}

/// Numbers that are the same at each run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

#[test]
fn odd_mails_damaged_at_random_are_understood_all_the_same() {
    let messages = messages();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for (name, raw) in &messages {
        for round in 0..60 {
            let mut damaged = raw.clone();
            for _ in 0..=dice.below(8) {
                let at = dice.below(damaged.len() + 1);
                match dice.below(5) {
                    0 => damaged.truncate(at),
                    1 => damaged.insert(at, dice.below(256) as u8),
                    2 if at < damaged.len() => damaged[at] = dice.below(256) as u8,
                    3 => {
                        // A stretch of another message, wherever it falls.
                        let other = &messages[dice.below(messages.len())].1;
                        let from = dice.below(other.len() + 1);
                        let to = (from + dice.below(200)).min(other.len());
                        damaged.splice(at..at, other[from..to].iter().copied());
                    }
                    _ => {
                        let to = (at + dice.below(40)).min(damaged.len());
                        damaged.drain(at..to);
                    }
                }
            }
            let skimmed = skim(&damaged, 1 + dice.below(100));
            assert_eq!(
                skimmed,
                skim(&damaged, damaged.len().max(1)),
                "{name} {round}"
            );
            let message = understand(&skimmed);
            // The dump decodes every range again and compares sizes and digests.
            summary(&damaged, &message);
        }
    }
}
