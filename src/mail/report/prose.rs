//! Reports that say what they say in a text for people.
//!
//! No grammar is behind it: a list of beginnings and sentences that mail systems are known to write, and
//! the shapes in which they name an address. Each line is looked at once, and only so many.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::mail::message::{About, Report, ReportKind};

use super::{ABOUT_MAX, SAID_MAX};
use crate::mail::block::{blocks, Block};

mod phrases;

use phrases::{CLOSINGS, COPIES, OTHERS, SENTENCES, SUBJECTS};

/// Lines of a text that are looked at, and octets of one.
const LINES_MAX: usize = 400;
const LINE_MAX: usize = 1_000;

/// Lines that belong to one recipient.
const SAID_LINES: usize = 8;

/// Blocks among which the header of a copy is looked for: more than one, because of the line above it.
const COPY_BLOCKS: usize = 3;

/// Octets of a line that only leads to the next.
const LEADS_MAX: usize = 12;

/// The sentences, each made ready to be looked for: many are, in each text that may be a report.
static FINDERS: LazyLock<Vec<(Finder<'static>, ReportKind)>> = LazyLock::new(|| {
    let sentences = SENTENCES.iter();
    sentences
        .map(|(sentence, kind)| (Finder::new(*sentence), *kind))
        .collect()
});

/// How many signs a text must show to be a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// A subject or a sentence.
    One,
    /// The subject, or a sentence; and whom it is about, or the other of both.
    Two,
}

/// What the text of a report says, where it is one; `failed` is what the report's own header says of
/// recipients.
pub(super) fn read(
    subject: &str,
    text: &str,
    failed: Option<&str>,
    signs: Signs,
) -> Option<Report> {
    let subject = subject.to_lowercase();
    let subject = subject.trim_start();
    let by_subject = SUBJECTS
        .iter()
        .filter(|(begins, _)| subject.starts_with(begins))
        .max_by_key(|(begins, _)| begins.len())
        .map(|(_, kind)| *kind);
    let lines: Vec<&str> = text.lines().take(LINES_MAX).map(cut).collect();
    let lines = lines.get(..copy_at(&lines)).unwrap_or_default();
    let session = session_at(lines);
    let before = lines.get(..session).unwrap_or_default();
    let joined = before.join(" ").to_lowercase();
    let said = |kind| {
        let mut sentences = FINDERS.iter().filter(|(_, of)| *of == kind);
        sentences.any(|(sentence, _)| sentence.find(joined.as_bytes()).is_some())
    };
    let by_text = match (said(ReportKind::Delayed), said(ReportKind::Failed)) {
        (true, _) => Some(ReportKind::Delayed),
        (false, true) => Some(ReportKind::Failed),
        (false, false) => None,
    };
    // A text that speaks of another try knows better than a subject that serves for both.
    let kind = match (by_subject, by_text, failed) {
        (Some(ReportKind::Failed), Some(ReportKind::Delayed), None) if said(ReportKind::Failed) => {
            ReportKind::Failed
        }
        (_, Some(kind), _) | (Some(kind), None, _) => kind,
        (None, None, Some(_)) => ReportKind::Failed,
        (None, None, None) => return None,
    };
    let mut about = recipients(lines, session);
    let listed = failed.into_iter().flat_map(|list| list.split([',', ' ']));
    for address in listed.filter_map(address_at) {
        if about.len() < ABOUT_MAX
            && !about
                .iter()
                .any(|a| a.address.eq_ignore_ascii_case(address))
        {
            about.push(of_address(address));
        }
    }
    // An address in a text is nothing by itself: a status or words of a server must stand behind it.
    let replied = by_text.is_some() && lines.iter().any(|line| reply(line).is_some());
    let told = about.iter().any(|a| a.status.is_some())
        || ((by_subject.is_some() || replied) && !about.is_empty());
    let both = by_subject.is_some() && by_text.is_some();
    if signs == Signs::Two && !(both || told) {
        return None;
    }
    said_for_all(&mut about, lines);
    for about in &mut about {
        about.action = Some(kind.code().to_owned());
    }
    Some(Report {
        kind,
        about,
        original: None,
        subject: None,
    })
}

/// The header of what was sent, where its copy follows the words and is no part of its own.
pub(super) fn copied(text: &str) -> Option<Block> {
    let lines: Vec<&str> = text.lines().take(LINES_MAX).map(cut).collect();
    let copy = lines.get(copy_at(&lines)..).unwrap_or_default().join("\n");
    let mut blocks = blocks(copy.as_bytes()).into_iter().take(COPY_BLOCKS);
    blocks.find(|block| block.octets("from").is_some() && block.octets("to").is_some())
}

/// The only one whom a copied header says that the message went to.
pub(super) fn only_recipient(header: &Block, kind: ReportKind) -> Option<About> {
    if header.octets("cc").is_some() || header.octets("bcc").is_some() {
        return None;
    }
    let to = header.text("to")?;
    let mut found = to.split([' ', ',', '<', '>']).filter_map(address_at);
    let address = found.next()?;
    found.next().is_none().then(|| About {
        action: Some(kind.code().to_owned()),
        ..of_address(address)
    })
}

/// The Message-ID that stands in a copy behind the words, where the copy is no part of its own.
pub(super) fn original(text: &str) -> Option<String> {
    let mut lines = text.lines().take(LINES_MAX).map(cut);
    lines.find_map(|line| {
        let line = line.trim_start_matches(['>', ' ', '\t', '|']);
        let (name, rest) = line.split_once(':')?;
        if !matches!(
            name.trim().to_ascii_lowercase().as_str(),
            "message-id" | "message id"
        ) {
            return None;
        }
        let id = rest.split('<').nth(1)?.split('>').next()?.trim();
        (!id.is_empty() && !id.contains(char::is_whitespace)).then(|| id.to_owned())
    })
}

/// The first enhanced status code (RFC 3463) of a text; a number of a program's version is none.
pub(super) fn status(text: &str) -> Option<String> {
    let mut before = "";
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '.'));
    words
        .map(|word| word.trim_matches('.'))
        .filter(|word| !word.is_empty())
        .find(|word| {
            let last = std::mem::replace(&mut before, word);
            let version = ["version", "release", "build"];
            let mut numbers = word.split('.');
            let class = numbers.next().unwrap_or_default();
            let rest: Vec<&str> = numbers.collect();
            let number = |n: &&str| {
                matches!(n.len(), 1..=3) && n.chars().all(|digit| digit.is_ascii_digit())
            };
            matches!(class, "2" | "4" | "5")
                && rest.len() == 2
                && rest.iter().all(number)
                && !version.iter().any(|v| v.eq_ignore_ascii_case(last))
        })
        .map(str::to_owned)
}

/// A text in one line, and no longer than that.
pub(super) fn shortened(text: &str, octets: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.len() + 1 + word.len() > octets {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn cut(line: &str) -> &str {
    crate::mail::words::cut(line, LINE_MAX).0
}

/// The first line of the copy of what was sent, or the end: the line that announces it, or the first of
/// one that nothing announces, as no sentence begins.
fn copy_at(lines: &[&str]) -> usize {
    const TRACE: [&str; 2] = ["received:", "return-path:"];
    let all = lines.join("\n").to_lowercase();
    // Mostly nothing of it is anywhere: then no line is looked at by itself.
    let trace = TRACE.into_iter().filter(|name| has(&all, name));
    let copies = COPIES.iter().copied().filter(|copy| has(&all, copy));
    let (trace, copies): (Vec<&str>, Vec<&str>) = (trace.collect(), copies.collect());
    if trace.is_empty() && copies.is_empty() {
        return lines.len();
    }
    let is_copy = |line: &str| {
        trace.iter().any(|name| line.starts_with(name)) || copies.iter().any(|copy| has(line, copy))
    };
    all.split('\n').position(is_copy).unwrap_or(lines.len())
}

/// Whether `text` has these words; at memory speed, since there are many to ask for.
fn has(text: &str, words: &str) -> bool {
    memmem::find(text.as_bytes(), words.as_bytes()).is_some()
}

/// The first line of what was said between the servers, or the end.
fn session_at(lines: &[&str]) -> usize {
    let session = |line: &&str| line.to_lowercase().contains("transcript of session");
    lines.iter().position(session).unwrap_or(lines.len())
}

fn of_address(address: &str) -> About {
    About {
        address: address.to_owned(),
        as_sent: None,
        action: None,
        status: None,
        said: None,
    }
}

/// How surely a line names whom the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    /// The report itself names it.
    Named,
    /// A server said something of it, or a step of the session.
    Answered,
    /// It was only written to, as were perhaps others who got it.
    Written,
}

/// An address that a line is about, and what follows it.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    sure: Sure,
    address: &'a str,
    rest: &'a str,
}

/// Whom the lines name as failed, and what they say of each; `session` is where the servers' talk begins.
fn recipients(lines: &[&str], session: usize) -> Vec<About> {
    let found = lines.iter().enumerate().map(|(at, line)| {
        let mut found = named(line).or_else(|| answered(line))?;
        if at >= session {
            found.sure = found.sure.max(Sure::Answered);
        }
        Some(found)
    });
    let found: Vec<Option<Found>> = found.collect();
    let surest = found.iter().flatten().map(|found| found.sure).min();
    let mut about: Vec<About> = Vec::new();
    for (at, named) in found.iter().enumerate() {
        let Some(Found {
            sure,
            address,
            rest,
        }) = *named
        else {
            continue;
        };
        let room = about.len() < ABOUT_MAX;
        let mut known = about.iter_mut();
        let known = known.find(|a| a.address.eq_ignore_ascii_case(address));
        match known {
            // What a server answered, where the report itself is silent.
            Some(known) if known.said.is_none() && sure == Sure::Answered => {
                known.said = Some(shortened(rest, SAID_MAX));
                known.status = status(rest);
                continue;
            }
            None if Some(sure) == surest && room => {}
            _ => continue,
        }
        let mut said = shortened(without(rest, address), SAID_MAX);
        for (at, (line, next)) in lines
            .iter()
            .zip(&found)
            .enumerate()
            .skip(at + 1)
            .take(SAID_LINES)
        {
            let another = next.is_some_and(|next| !next.address.eq_ignore_ascii_case(address));
            // A word alone (`because:`) only leads to what is said.
            let blank = line.trim().is_empty() && said.len() > LEADS_MAX;
            if another || blank || at == session || closes(line) {
                break;
            }
            said = shortened(&format!("{said} {line}"), SAID_MAX);
        }
        let said = said.trim_start_matches([':', '-', ' ']);
        let bare = said.strip_prefix('(').and_then(|s| s.strip_suffix(')'));
        let said = bare.unwrap_or(said);
        about.push(About {
            status: status(said),
            said: Some(said.to_owned()).filter(|said| !said.is_empty()),
            ..of_address(address)
        });
    }
    if !about.is_empty() {
        return about;
    }
    // Named within a sentence only: "... wasn't delivered to a@b because ...".
    let mut sentences = lines.iter().filter_map(|line| {
        let lower = line.to_lowercase();
        let speaks = [
            "deliver",
            "recipient",
            "user",
            "mailbox",
            "address",
            "zugestellt",
        ];
        let at = speaks.iter().filter_map(|word| lower.find(word)).min()?;
        let rest = line.get(at..)?;
        let address = rest.split_whitespace().find_map(address_at)?;
        Some(About {
            status: status(line),
            said: Some(shortened(line, SAID_MAX)),
            ..of_address(address)
        })
    });
    sentences.next().into_iter().collect()
}

/// Whether a line is what a system says to everybody, and nothing of a recipient.
fn closes(line: &str) -> bool {
    let line = line.trim_start().to_lowercase();
    CLOSINGS.iter().any(|begins| line.starts_with(begins))
}

/// Where nothing is known of why, and one line alone tells a status: that one, for all of them.
fn said_for_all(about: &mut [About], lines: &[&str]) {
    if about.iter().any(|about| about.status.is_some()) {
        return;
    }
    let mut told = lines.iter().filter_map(|line| {
        Some((
            line,
            status(line).filter(|status| !status.starts_with('2'))?,
        ))
    });
    let Some((line, status)) = told.next() else {
        return;
    };
    if told.any(|(_, other)| other != status) {
        return;
    }
    for about in about {
        about.status = Some(status.clone());
        about.said = Some(shortened(line, SAID_MAX));
    }
}

/// What follows an address that is written twice: `a@b <a@b> ...`.
fn without<'a>(rest: &'a str, address: &str) -> &'a str {
    let trimmed = rest.trim_start();
    let word = trimmed.split_whitespace().next().unwrap_or_default();
    let again = address_at(word).is_some_and(|other| other.eq_ignore_ascii_case(address));
    match trimmed.strip_prefix(word) {
        Some(behind) if again => behind,
        _ => rest,
    }
}

/// What a line says behind a server's reply that refuses (RFC 5321 §4.2): `550 ...`, `<<< 450-...`.
fn reply(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['<', ' ', '\t']);
    let (code, rest) = line.split_at_checked(3)?;
    let refuses = code.starts_with(['4', '5']) && code.bytes().all(|digit| digit.is_ascii_digit());
    rest.strip_prefix([' ', '-']).filter(|_| refuses)
}

/// A reply code that refuses stands in it, among whatever words.
fn refuses(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut codes = words
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse().ok());
    codes.any(|code: u16| matches!(code, 421 | 450..=459 | 500..=509 | 521..=529 | 550..=559))
}

/// Whom a server's reply is about: `550 5.1.1 <a@b>... User unknown`.
fn answered(line: &str) -> Option<Found<'_>> {
    let rest = reply(line)?;
    let mut words = rest.split_whitespace();
    let first = words.next()?;
    let word = match status(first) {
        Some(_) => words.next()?,
        None => first,
    };
    Some(Found {
        sure: Sure::Answered,
        address: address_at(word)?,
        rest: line.trim(),
    })
}

/// The address that a line is about, and what follows it: at its beginning, or behind a label.
fn named(line: &str) -> Option<Found<'_>> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '-' | '|'));
    // Steps of a session begin so, and some systems' lists, which name each twice; so does what a person quotes.
    let step = line.strip_prefix(">>>");
    let line = step.unwrap_or(line).trim_start();
    let leading = |text| -> Option<(&str, &str)> {
        let text: &str = text;
        let word = text.split_whitespace().next()?;
        let (word, rest) = text.split_at_checked(word.len())?;
        Some((address_at(word)?, rest))
    };
    if let Some((address, behind)) = leading(line) {
        // A sentence that begins with an address is about it only where a remark follows.
        let rest = behind.trim_start();
        let colon = line
            .strip_suffix(behind)
            .is_some_and(|word| word.ends_with(':'));
        let remark = rest.is_empty()
            || colon
            || rest.starts_with(['(', '<', '[', '.', ':', '-', ',', '"'])
            || rest.starts_with("on ")
            || rest.starts_with("...")
            || status(rest).is_some()
            || refuses(rest);
        let quoted = step.is_some() && without(behind, address) == behind;
        return (remark && !quoted).then_some(Found {
            sure: Sure::Named,
            address,
            rest: behind,
        });
    }
    // Display name and address, as Exchange writes: `Doe, Jane (jane@b) <mailto:jane@b>`.
    let (label, rest) = line.split_once(':')?;
    let label = label.trim().to_lowercase();
    if label.len() > 60 || label.contains('@') || OTHERS.contains(&label.as_str()) {
        return None;
    }
    // A field of a report that lost its part: `Final-Recipient: rfc822; a@b`.
    let rest = rest.trim_start();
    let typed = rest.split_once(';').filter(|(kind, _)| {
        let kind = kind.trim();
        matches!(kind.len(), 1..=12) && kind.bytes().all(|c| c.is_ascii_alphanumeric())
    });
    let (address, rest) = leading(typed.map_or(rest, |(_, address)| address.trim_start()))?;
    let names = [
        "recipient",
        "user",
        "userid",
        "mailbox",
        "address",
        "to",
        "failed",
        "an",
        "for",
        "rcpt",
        "empfänger",
    ];
    let of = |word: &str| names.contains(&word.trim_end_matches(['s', '(', ')']));
    let sure = match label.as_str() {
        "to" | "an" | "rcpt to" => Sure::Written,
        _ => Sure::Named,
    };
    label.split([' ', '-']).any(of).then_some(Found {
        sure,
        address,
        rest,
    })
}

/// The address that a word is, without what stands around it.
fn address_at(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| {
        matches!(
            c,
            '<' | '>' | '(' | ')' | '"' | '\'' | ':' | ';' | ',' | '.' | '[' | ']' | '`' | '*'
        )
    });
    let word = word
        .strip_prefix("mailto:")
        .or_else(|| word.strip_prefix("rfc822;"))
        .or_else(|| word.strip_prefix("smtp:"))
        .or_else(|| word.strip_prefix("SMTP:"))
        .unwrap_or(word)
        .trim_start_matches('<');
    let (local, domain) = word.rsplit_once('@')?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let whole = !local.is_empty()
        && !domain.is_empty()
        && domain.chars().all(plain)
        && domain.chars().any(char::is_alphanumeric)
        && !local.contains(|c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';')
        })
        && word.len() <= SAID_MAX;
    whole.then_some(word)
}
