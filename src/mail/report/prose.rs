//! Reports that say what they say in a text for people.
//!
//! No grammar is behind it: a list of beginnings and sentences that mail systems are known to write, and
//! the shapes in which they name an address. Each line is looked at once, and only so many.

use crate::mail::message::{About, Report, ReportKind};

use super::{ABOUT_MAX, SAID_MAX};

/// Lines of a text that are looked at, and octets of one.
const LINES_MAX: usize = 400;
const LINE_MAX: usize = 1_000;

/// Lines that belong to one recipient.
const SAID_LINES: usize = 8;

/// Octets of a line that only leads to the next.
const LEADS_MAX: usize = 12;

/// How subjects of reports begin (in lower case), and what they say has become of the message.
const SUBJECTS: &[(&str, ReportKind)] = &[
    ("undeliverable", ReportKind::Failed),
    ("undelivered mail", ReportKind::Failed),
    ("undelivered message", ReportKind::Failed),
    ("delivery status notification (failure)", ReportKind::Failed),
    ("delivery status notification (delay)", ReportKind::Delayed),
    ("delivery status notification", ReportKind::Failed),
    (
        "delivery notification: delivery has failed",
        ReportKind::Failed,
    ),
    (
        "delivery notification: delivery has been delayed",
        ReportKind::Delayed,
    ),
    ("delivery failure", ReportKind::Failed),
    ("delivery failed", ReportKind::Failed),
    ("delivery has failed", ReportKind::Failed),
    ("delivery error", ReportKind::Failed),
    ("delivery delayed", ReportKind::Delayed),
    ("delayed mail", ReportKind::Delayed),
    ("delayed:", ReportKind::Delayed),
    ("mail delivery failed", ReportKind::Failed),
    ("mail delivery failure", ReportKind::Failed),
    ("mail delivery error", ReportKind::Failed),
    ("mail delivery problem", ReportKind::Failed),
    ("mail delivery delayed", ReportKind::Delayed),
    ("mail could not be delivered", ReportKind::Failed),
    ("mail not delivered", ReportKind::Failed),
    ("mail not deliverable", ReportKind::Failed),
    ("mail system error", ReportKind::Failed),
    ("mail error", ReportKind::Failed),
    ("mailer error", ReportKind::Failed),
    ("message delivery failure", ReportKind::Failed),
    ("message delivery delayed", ReportKind::Delayed),
    ("message status - undeliverable", ReportKind::Failed),
    ("message undeliverable", ReportKind::Failed),
    ("message delayed", ReportKind::Delayed),
    ("nondeliverable mail", ReportKind::Failed),
    ("non delivery report", ReportKind::Failed),
    ("non-delivery", ReportKind::Failed),
    ("returned mail", ReportKind::Failed),
    ("returned to sender", ReportKind::Failed),
    ("returning message to sender", ReportKind::Failed),
    ("failure notice", ReportKind::Failed),
    ("failure delivery", ReportKind::Failed),
    ("failed mail", ReportKind::Failed),
    ("failed delivery", ReportKind::Failed),
    ("unable to deliver", ReportKind::Failed),
    ("could not send message", ReportKind::Failed),
    ("could not deliver", ReportKind::Failed),
    ("bounced mail", ReportKind::Failed),
    ("permanent delivery failure", ReportKind::Failed),
    ("user unknown", ReportKind::Failed),
    ("unknown user", ReportKind::Failed),
    ("invalid recipient", ReportKind::Failed),
    ("warning: message", ReportKind::Delayed),
    ("warning: could not send message for", ReportKind::Delayed),
    ("warning - delayed mail", ReportKind::Delayed),
    ("**message you sent blocked", ReportKind::Failed),
    ("considered unsolicited", ReportKind::Failed),
    ("unzustellbar", ReportKind::Failed),
    ("nicht zustellbar", ReportKind::Failed),
    ("nachricht unzustellbar", ReportKind::Failed),
    ("unzustellbare", ReportKind::Failed),
    ("zustellung verzögert", ReportKind::Delayed),
    ("verzögerte zustellung", ReportKind::Delayed),
    ("non remis", ReportKind::Failed),
    ("non distribuable", ReportKind::Failed),
    ("échec de la remise", ReportKind::Failed),
    ("non recapitabile", ReportKind::Failed),
    ("mancato recapito", ReportKind::Failed),
    ("no se puede entregar", ReportKind::Failed),
    ("no entregable", ReportKind::Failed),
    ("onbestelbaar", ReportKind::Failed),
    ("niet-bezorgd", ReportKind::Failed),
    ("não é possível entregar", ReportKind::Failed),
    ("não entregue", ReportKind::Failed),
    ("nie można dostarczyć", ReportKind::Failed),
    ("niedostarczone", ReportKind::Failed),
    ("olevererbart", ReportKind::Failed),
    ("kan ikke leveres", ReportKind::Failed),
    ("не доставлено", ReportKind::Failed),
    ("недоставленное", ReportKind::Failed),
    ("配信不能", ReportKind::Failed),
    ("配信不可", ReportKind::Failed),
    ("无法投递", ReportKind::Failed),
    ("系统退信", ReportKind::Failed),
];

/// Sentences of reports (in lower case).
const SENTENCES: &[(&str, ReportKind)] = &[
    ("this is the qmail-send program", ReportKind::Failed),
    ("wasn't able to deliver your message", ReportKind::Failed),
    ("were unable to deliver your message", ReportKind::Failed),
    ("was unable to deliver your message", ReportKind::Failed),
    (
        "this is a permanent error; i've given up",
        ReportKind::Failed,
    ),
    (
        "created automatically by mail delivery software",
        ReportKind::Failed,
    ),
    ("could not be delivered to one or more", ReportKind::Failed),
    ("could not be delivered to", ReportKind::Failed),
    ("couldn't be delivered", ReportKind::Failed),
    ("could not be delivered", ReportKind::Failed),
    ("wasn't delivered to", ReportKind::Failed),
    ("was not delivered to", ReportKind::Failed),
    ("was not delivered", ReportKind::Failed),
    ("has not been delivered", ReportKind::Failed),
    ("has not yet been delivered", ReportKind::Delayed),
    ("has not been delivered yet", ReportKind::Delayed),
    ("is still undelivered", ReportKind::Delayed),
    ("delivery attempts will continue", ReportKind::Delayed),
    ("this is a warning message only", ReportKind::Delayed),
    ("will continue to try", ReportKind::Delayed),
    ("will keep trying", ReportKind::Delayed),
    ("will be retried", ReportKind::Delayed),
    ("still being retried", ReportKind::Delayed),
    ("had permanent fatal errors", ReportKind::Failed),
    ("had permanent delivery errors", ReportKind::Failed),
    ("had transient non-fatal errors", ReportKind::Delayed),
    ("had delivery problems", ReportKind::Failed),
    ("did not reach the following recipient", ReportKind::Failed),
    (
        "did not reach some or all of the intended recipients",
        ReportKind::Failed,
    ),
    ("delivery has failed to", ReportKind::Failed),
    ("delivery to the following", ReportKind::Failed),
    ("failed permanently", ReportKind::Failed),
    ("undeliverable to the following", ReportKind::Failed),
    ("was undeliverable", ReportKind::Failed),
    ("unable to deliver the message", ReportKind::Failed),
    ("unable to deliver message", ReportKind::Failed),
    ("unable to deliver mail", ReportKind::Failed),
    ("not possible to deliver", ReportKind::Failed),
    ("message cannot be delivered", ReportKind::Failed),
    ("cannot be delivered", ReportKind::Failed),
    ("can't be delivered", ReportKind::Failed),
    ("returned to you", ReportKind::Failed),
    ("has been rejected", ReportKind::Failed),
    ("delivery failed", ReportKind::Failed),
    ("delivery failure", ReportKind::Failed),
    ("konnte nicht zugestellt", ReportKind::Failed),
    ("konnten nicht zugestellt", ReportKind::Failed),
    ("nicht zugestellt werden", ReportKind::Failed),
    ("n'a pas pu être remis", ReportKind::Failed),
    ("n'a pas pu être délivré", ReportKind::Failed),
    ("no se ha podido entregar", ReportKind::Failed),
    ("no se pudo entregar", ReportKind::Failed),
    ("non è stato possibile recapitare", ReportKind::Failed),
    ("kon niet worden bezorgd", ReportKind::Failed),
    ("não pôde ser entregue", ReportKind::Failed),
    ("nie można było dostarczyć", ReportKind::Failed),
];

/// Behind a line with one of these comes what was sent, in which nobody failed.
const COPIES: &[&str] = &[
    "copy of the message",
    "copy of your message",
    "below this line is a copy",
    "original message follows",
    "message headers follow",
    "header of your message",
    "headers of the message",
    "headers from your",
    "unsent message",
    "returned message follows",
    "message returned below",
    "original message headers",
    "included below",
    "message text follows",
    "message header follows",
    "transcript of session follows",
    "original message ---",
    "ursprüngliche nachricht",
    "kopie der nachricht",
    "kopie ihrer nachricht",
];

/// Labels behind which no failed address stands.
const OTHERS: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "return-path",
    "received",
    "message-id",
    "cc",
    "bcc",
    "date",
    "subject",
    "contact",
    "postmaster",
    "von",
    "de",
    "da",
    "van",
    "errors-to",
    "http",
    "https",
    "mailto",
    "reporting-mta",
    "generating server",
    "remote-mta",
    "in-reply-to",
    "references",
    "x-original-from",
];

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
    let end = lines.iter().position(|line| is_copy(line));
    let lines = lines.get(..end.unwrap_or(lines.len())).unwrap_or_default();
    let joined = lines.join(" ").to_lowercase();
    let said = |kind| {
        let mut sentences = SENTENCES.iter().filter(|(_, of)| *of == kind);
        sentences.any(|(sentence, _)| joined.contains(sentence))
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
    let mut about = recipients(lines);
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
    let told =
        about.iter().any(|a| a.status.is_some()) || (by_subject.is_some() && !about.is_empty());
    let both = by_subject.is_some() && by_text.is_some();
    if signs == Signs::Two && !(both || told) {
        return None;
    }
    let action = match kind {
        ReportKind::Delayed => "delayed",
        _ => "failed",
    };
    for about in &mut about {
        about.action = Some(action.to_owned());
    }
    Some(Report {
        kind,
        about,
        original: None,
        subject: None,
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

/// The first enhanced status code (RFC 3463) of a text.
pub(super) fn status(text: &str) -> Option<String> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words
        .map(|word| word.trim_matches('.'))
        .find(|word| {
            let mut numbers = word.split('.');
            let class = numbers.next().unwrap_or_default();
            let rest: Vec<&str> = numbers.collect();
            matches!(class, "2" | "4" | "5")
                && rest.len() == 2
                && rest.iter().all(|n| matches!(n.len(), 1..=3))
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

fn is_copy(line: &str) -> bool {
    let line = line.to_lowercase();
    COPIES.iter().any(|copy| line.contains(copy))
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

/// Whom the lines name as failed, and what they say of each.
fn recipients(lines: &[&str]) -> Vec<About> {
    let named: Vec<Option<(&str, &str)>> = lines.iter().map(|line| named(line)).collect();
    let mut about: Vec<About> = Vec::new();
    for (at, found) in named.iter().enumerate() {
        let Some((address, rest)) = found else {
            continue;
        };
        if about.len() >= ABOUT_MAX
            || about
                .iter()
                .any(|a| a.address.eq_ignore_ascii_case(address))
        {
            continue;
        }
        let mut said = shortened(rest, SAID_MAX);
        for (line, next) in lines.iter().zip(&named).skip(at + 1).take(SAID_LINES) {
            let another = next.is_some_and(|(next, _)| !next.eq_ignore_ascii_case(address));
            // A word alone (`because:`) only leads to what is said.
            let blank = line.trim().is_empty() && said.len() > LEADS_MAX;
            if another || blank {
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

/// The address that a line is about, and what follows it: at its beginning, or behind a label.
fn named(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '-' | '|'));
    let begins = |text: &str| -> Option<usize> {
        let word = text.split_whitespace().next()?;
        address_at(word)?;
        Some(word.len())
    };
    let split = |text| {
        let length = begins(text)?;
        let (word, rest) = str::split_at_checked(text, length)?;
        Some((address_at(word)?, rest))
    };
    if let Some(found) = split(line) {
        // A sentence that begins with an address is about it only where a remark follows.
        let rest = found.1.trim_start();
        let colon = line
            .strip_suffix(found.1)
            .is_some_and(|word| word.ends_with(':'));
        let remark = rest.is_empty()
            || colon
            || rest.starts_with(['(', '<', '.', ':', '-', ',', '"'])
            || rest.starts_with("on ")
            || rest.starts_with("...")
            || status(rest).is_some();
        return remark.then_some(found);
    }
    // Display name and address, as Exchange writes: `Doe, Jane (jane@b) <mailto:jane@b>`.
    let (label, rest) = line.split_once(':')?;
    let label = label.trim().to_lowercase();
    if label.len() > 60 || label.contains('@') || OTHERS.contains(&label.as_str()) {
        return None;
    }
    split(rest.trim_start()).filter(|_| {
        [
            "recipient",
            "user",
            "mailbox",
            "address",
            "to",
            "failed",
            "an",
            "for",
            "rcpt",
            "empfänger",
        ]
        .iter()
        .any(|word| {
            label
                .split([' ', '-'])
                .any(|of| of.trim_end_matches(['s', '(', ')']) == *word)
        })
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
