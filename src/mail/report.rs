//! Reports about other mail: what a mail system says of a message that it could not deliver, what a
//! reader's program says of one that was read, what an abuse desk says of one that nobody wanted.
//!
//! By RFC 6522 (multipart/report) with RFC 3464, 8098 and 5965; and from the text alone, where an older
//! or prouder system wrote it (qmail, Exim, Domino, GroupWise and the like). For the latter two signs
//! are asked for, one of who writes and one of what is written: a person who asks what such a text means
//! has sent no report.

use super::block::{blocks, Block};
use super::field::Field;
use super::grammar;
use super::message::{About, Address, Report, ReportKind};
use super::skim::{Kind, Leaf, Name, Part, Skimmed};
use super::skim::{COPY, DISPOSITION, FEEDBACK, STATUS};
use super::words;

mod prose;

/// Recipients of one report that we keep.
const ABOUT_MAX: usize = 100;

/// Octets of what is said of one recipient that we keep.
const SAID_MAX: usize = 500;

/// What a message reports, where it is a report; `text` is its body as plain text.
pub(super) fn read(
    skimmed: &Skimmed,
    root: &Part,
    from: Option<&Address>,
    subject: &str,
    text: &str,
) -> Option<Report> {
    let leaves = || {
        skimmed.parts.iter().filter_map(|part| match &part.kind {
            Kind::Leaf(leaf) => Some(leaf),
            _ => None,
        })
    };
    let of = |media: &'static [&'static str]| {
        leaves().find(move |leaf| media.contains(&leaf.media.as_str()))
    };
    let content_type = skimmed.values(root, Name::ContentType).next();
    let is_report =
        content_type.is_some_and(|value| Field::read(value).token == "multipart/report");
    let inner = of(COPY).and_then(|leaf| blocks(&leaf.beginning).into_iter().next());
    let returned = || {
        inner
            .as_ref()
            .is_some_and(|header| returned(skimmed, root, header))
    };
    let daemon = match daemon(skimmed, root, from) {
        Daemon::Sure => Some(prose::Signs::One),
        Daemon::Nobody if returned() => Some(prose::Signs::One),
        Daemon::Named | Daemon::Nobody => Some(prose::Signs::Two),
        Daemon::Silent if returned() => Some(prose::Signs::One),
        Daemon::Silent | Daemon::No => None,
    };
    let mut report = None;
    // Some systems send the parts without saying so above; whoever attaches such a part to a letter is no
    // daemon.
    if is_report || daemon.is_some() {
        report = of(STATUS)
            .and_then(delivery)
            .or_else(|| of(DISPOSITION).and_then(disposition))
            .map(|report| refused_by_sieve(report, text))
            .or_else(|| of(FEEDBACK).and_then(feedback));
    }
    let failed = skimmed
        .values(root, Name::FailedRecipients)
        .next()
        .map(|value| words::text(value, &mut Default::default()));
    let strict = match () {
        () if is_report || failed.is_some() => Some(prose::Signs::One),
        () => daemon,
    };
    if let Some(signs) = strict {
        let heard = prose::read(subject, text, failed.as_deref(), signs);
        report = match (report, heard) {
            // The fields are asked first, and the text where they name nobody, or don't say why.
            (Some(report), Some(heard)) => Some(completed(report, heard)),
            (Some(report), None) => Some(report),
            (None, heard) => heard,
        };
    }
    let mut report = report?;
    let copied = match inner {
        Some(header) => Some(header),
        None => prose::copied(text),
    };
    if let Some(header) = &copied {
        report.original = report.original.or(first_id(header, "message-id"));
        report.subject = header.text("subject");
        let unsaid = matches!(report.kind, ReportKind::Failed | ReportKind::Delayed);
        if unsaid && report.about.is_empty() {
            let only = prose::only_recipient(header, report.kind);
            report.about.extend(only);
        }
    }
    if report.original.is_none() {
        report.original = prose::original(text);
    }
    Some(report)
}

/// What the fields say, and where they are silent the text.
fn completed(mut report: Report, heard: Report) -> Report {
    if report.about.is_empty() {
        report.about = heard.about;
        return report;
    }
    for about in &mut report.about {
        let mut same = heard.about.iter();
        let same = same.find(|h| h.address.eq_ignore_ascii_case(&about.address));
        if about.said.is_none() {
            about.said = same.and_then(|h| h.said.clone());
        }
    }
    report
}

/// Who writes, as far as the header tells.
enum Daemon {
    /// A mail system's own address, and no way back.
    Sure,
    /// Such an address; but a postmaster is a person too.
    Named,
    /// There is no way back (RFC 5321 §4.5.5); but nor is there to a shop that could not deliver a parcel.
    Nobody,
    /// An address that wants no answers.
    Silent,
    No,
}

fn daemon(skimmed: &Skimmed, root: &Part, from: Option<&Address>) -> Daemon {
    const LOCALS: [&str; 11] = [
        "mailer-daemon",
        "mailer_daemon",
        "mailerdaemon",
        "mail-daemon",
        "maildaemon",
        "postmaster",
        "post_master",
        "mdaemon",
        "mail-delivery-system",
        "mailsystem",
        "double-bounce",
    ];
    const NAMES: [&str; 8] = [
        "mail delivery",
        "mail deliver system",
        "mail administrator",
        "system administrator",
        "mailer-daemon",
        "postmaster",
        "mail router",
        "internet mail delivery",
    ];
    const SILENT: [&str; 5] = [
        "no-reply",
        "noreply",
        "no_reply",
        "donotreply",
        "do-not-reply",
    ];
    let path = skimmed.values(root, Name::ReturnPath).next();
    let nobody = path.is_some_and(|path| {
        // An old sendmail writes itself in there.
        let path = String::from_utf8_lossy(path).to_lowercase();
        let path = path.trim_matches(['<', '>', ' ', '\t']);
        path.is_empty() || path.split('@').next() == Some("mailer-daemon")
    });
    let address = from.map(Address::folded).unwrap_or_default();
    let name = from.and_then(|from| from.name.as_deref());
    let name = name.unwrap_or_default().to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    // Exchange and Office365 write as a mailbox of their own, named by random digits.
    let exchange = local.starts_with("microsoftexchange") && local.len() > 40;
    let named =
        exchange || LOCALS.contains(&local) || NAMES.iter().any(|begins| name.starts_with(begins));
    match (named, nobody) {
        (true, true) => Daemon::Sure,
        (true, false) => Daemon::Named,
        (false, true) => Daemon::Nobody,
        (false, false) if SILENT.contains(&local) => Daemon::Silent,
        (false, false) => Daemon::No,
    }
}

/// The message inside was sent by whom this one is sent to.
fn returned(skimmed: &Skimmed, root: &Part, header: &Block) -> bool {
    let of = |octets: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(octets).to_lowercase();
        let words = text.split([' ', '\t', ',', '<', '>', '"']);
        let addresses = words.filter(|word| word.contains('@'));
        addresses.map(str::to_owned).collect()
    };
    let senders = ["return-path", "from", "sender"].map(|name| header.octets(name));
    let senders: Vec<String> = senders.into_iter().flatten().flat_map(of).collect();
    let to = skimmed.values(root, Name::To).flat_map(of);
    to.take(ABOUT_MAX).any(|to| senders.contains(&to))
}

/// A delivery report (RFC 3464): one block about the message, then one for each recipient.
fn delivery(leaf: &Leaf) -> Option<Report> {
    let blocks = blocks(&leaf.beginning);
    let about: Vec<About> = blocks
        .iter()
        .filter_map(recipient)
        .take(ABOUT_MAX)
        .collect();
    // Without a word about anybody it is no report that could be read.
    if blocks.is_empty() {
        return None;
    }
    let any = |word: &str| about.iter().any(|a| a.action.as_deref() == Some(word));
    let kind = match () {
        () if any("failed") => ReportKind::Failed,
        () if any("delayed") => ReportKind::Delayed,
        () if any("delivered") || any("relayed") || any("expanded") => ReportKind::Delivered,
        // Of an action that nobody knows the worst is to be thought.
        () => ReportKind::Failed,
    };
    Some(Report {
        kind,
        about,
        original: None,
        subject: None,
    })
}

/// What a block says of a recipient.
fn recipient(block: &Block) -> Option<About> {
    let address = [
        "final-recipient",
        "original-recipient",
        "x-actual-recipient",
    ]
    .iter()
    .find_map(|name| typed(&block.text(name)?))?;
    let as_sent = block
        .text("original-recipient")
        .and_then(|text| typed(&text))
        .filter(|sent| !sent.eq_ignore_ascii_case(&address));
    let said = block
        .text("diagnostic-code")
        .map(|text| match text.split_once(';') {
            Some((kind, rest)) if kind.trim().len() <= 12 => rest.trim().to_owned(),
            _ => text,
        });
    let status = block.text("status").and_then(|text| prose::status(&text));
    // A class without detail says less than what the other system said.
    let bare = status.as_deref().is_none_or(|s| s.ends_with(".0.0"));
    let status = match (bare, said.as_deref().and_then(prose::status)) {
        (true, Some(said)) => Some(said),
        _ => status,
    };
    let action = block.text("action").map(|text| {
        let word = text.split(|c: char| !c.is_ascii_alphabetic()).next();
        word.unwrap_or_default().to_ascii_lowercase()
    });
    let by_class = || {
        let class = status.as_deref()?.chars().next()?;
        let action = match class {
            '2' => "delivered",
            '4' => "delayed",
            _ => "failed",
        };
        Some(action.to_owned())
    };
    let action = action.filter(|word| !word.is_empty()).or_else(by_class);
    Some(About {
        address,
        as_sent,
        action,
        status,
        said: said.map(|said| prose::shortened(&said, SAID_MAX)),
    })
}

/// The address of a field `type; address` (RFC 3464 §2.3.1).
fn typed(text: &str) -> Option<String> {
    let address = match text.split_once(';') {
        Some((_, address)) => address,
        None => text,
    };
    let address = address.trim().trim_matches(['<', '>', '"']).trim();
    let address = address.split_whitespace().next()?;
    let address = address.trim_matches(['<', '>']);
    // Of a name without a domain nobody is found.
    (address.contains('@') && address.len() <= SAID_MAX).then(|| address.to_owned())
}

/// A receipt (RFC 8098): one block.
fn disposition(leaf: &Leaf) -> Option<Report> {
    let block = blocks(&leaf.beginning).into_iter().next()?;
    let text = block.text("disposition")?;
    let done = text.rsplit(';').next().unwrap_or_default();
    let done = done.split(['/', ',']).next().unwrap_or_default().trim();
    let address = ["final-recipient", "original-recipient"]
        .iter()
        .find_map(|name| typed(&block.text(name)?));
    let about = address.map(|address| About {
        address,
        as_sent: None,
        action: Some(done.to_ascii_lowercase()).filter(|done| !done.is_empty()),
        status: None,
        said: block
            .text("failure")
            .or(block.text("error"))
            .map(|said| prose::shortened(&said, SAID_MAX)),
    });
    Some(Report {
        kind: ReportKind::Receipt,
        about: about.into_iter().collect(),
        original: first_id(&block, "original-message-id"),
        subject: None,
    })
}

/// Sieve's `reject` (RFC 5429 §2.1.2) has the form of a receipt, and says that nobody got it: Dovecot's and Cyrus's
/// words tell (`dovecot-sieve-rejects`).
fn refused_by_sieve(mut report: Report, text: &str) -> Report {
    const REJECTED: &str = "automatically rejected";
    let deleted = |about: &About| about.action.as_deref() == Some("deleted");
    let refused = report.kind == ReportKind::Receipt && report.about.iter().any(deleted);
    let Some(at) = text.find(REJECTED).filter(|_| refused) else {
        return report;
    };
    let said = text.get(at + REJECTED.len()..).unwrap_or_default();
    let said = said.split_once('\n').map_or("", |(_, said)| said);
    report.kind = ReportKind::Failed;
    for about in &mut report.about {
        about.action = Some(ReportKind::Failed.code().to_owned());
        about.said = Some(prose::shortened(said, SAID_MAX)).filter(|said| !said.is_empty());
    }
    report
}

/// A complaint (RFC 5965): one block.
fn feedback(leaf: &Leaf) -> Option<Report> {
    let block = blocks(&leaf.beginning).into_iter().next()?;
    let kind = block.text("feedback-type")?;
    let address = [
        "original-rcpt-to",
        "removal-recipient",
        "original-mail-from",
    ]
    .iter()
    .find_map(|name| typed(&block.text(name)?));
    let about = address.map(|address| About {
        address,
        as_sent: None,
        action: Some(kind.to_ascii_lowercase()),
        status: None,
        said: None,
    });
    Some(Report {
        kind: ReportKind::Complaint,
        about: about.into_iter().collect(),
        original: None,
        subject: None,
    })
}

fn first_id(block: &Block, name: &str) -> Option<String> {
    grammar::ids(block.octets(name)?).into_iter().next()
}

#[cfg(test)]
mod tests;
