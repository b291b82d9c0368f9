//! Puts mail into a mailbox by IMAP APPEND, and writes the manifest that the census goes by.
//!
//! With MULTIAPPEND (RFC 3502) and LITERAL+ (RFC 7888) hundreds of mails travel in one command;
//! without them one by one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::imap::{quoted, Imap};
use crate::mime::{imap_date, iso_date, Made};
use crate::{Failure, Outcome, While};

/// What should become of a mail, by the settings that the sample is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// A ticket, and the mail in the archive.
    Ticket,
    /// Held, unread in the inbox: the directory does not know the sender.
    HeldUnknown,
    /// Left alone: received before the cut-off.
    LeftOld,
    /// No ticket, and the mail in the archive: a program answered or reported.
    Ignored,
}

/// One mail in the manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its field X-Yard-Id.
    pub id: String,
    /// Its Message-ID without angle brackets.
    pub message_id: String,
    /// SHA-256 of its octets, in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub size: usize,
    /// Address in From.
    pub from: String,
    /// Subject in Unicode.
    pub subject: String,
    /// Received time.
    pub received: String,
    /// What should become of it.
    pub expected: Expected,
}

/// What was put into a mailbox.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The cut-off that the sample's old mails lie before.
    pub cutoff: String,
    /// The mails in order.
    pub mails: Vec<Entry>,
}

impl Manifest {
    /// Reads a manifest; an absent one is empty.
    pub fn read(path: &Path) -> Outcome<Manifest> {
        if !path.exists() {
            return Ok(Manifest::default());
        }
        let text = fs::read(path).during(format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).during(format!("parsing {}", path.display()))
    }

    /// Writes the manifest.
    pub fn write(&self, path: &Path) -> Outcome<()> {
        let text = serde_json::to_vec_pretty(self).during("writing the manifest")?;
        fs::write(path, text).during(format!("writing {}", path.display()))
    }

    /// How many mails are expected to end in each way.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for mail in &self.mails {
            let key = match mail.expected {
                Expected::Ticket => "ticket",
                Expected::HeldUnknown => "held-unknown",
                Expected::LeftOld => "left-old",
                Expected::Ignored => "ignored",
            };
            *counts.entry(key.to_string()).or_insert(0) += 1;
        }
        counts
    }
}

/// The manifest's entry for a mail.
pub fn entry(mail: &Made, cutoff: i64) -> Entry {
    Entry {
        id: mail.id.clone(),
        message_id: mail.message_id.clone(),
        sha256: hex(&mail.octets),
        size: mail.octets.len(),
        from: mail.from.clone(),
        subject: mail.subject.clone(),
        received: iso_date(mail.received),
        expected: match (mail.received < cutoff, mail.known) {
            (true, _) => Expected::LeftOld,
            (false, _) if answers(&mail.octets) => Expected::Ignored,
            (false, true) => Expected::Ticket,
            (false, false) => Expected::HeldUnknown,
        },
    }
}

/// Whether a program wrote it because somebody had written (RFC 3834 section 5.1).
fn answers(octets: &[u8]) -> bool {
    let head = memchr::memmem::find(octets, b"\r\n\r\n").unwrap_or(octets.len());
    let sign = b"\r\nAuto-Submitted: auto-replied\r\n";
    memchr::memmem::find(&octets[..head], sign).is_some()
}

/// SHA-256 in hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    Sha256::digest(octets)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Mails and octets of one APPEND.
const BATCH_MAILS: usize = 500;
const BATCH_OCTETS: usize = 8 << 20;

/// Appends mails to a folder and returns how many, and how many octets.
pub fn append(
    imap: &mut Imap,
    folder: &str,
    mails: impl Iterator<Item = Made>,
    mut each: impl FnMut(&Made),
) -> Outcome<(usize, usize)> {
    let literal_plus = imap.offers("LITERAL+");
    let many = literal_plus && imap.offers("MULTIAPPEND");
    let (mut count, mut octets) = (0, 0);
    let mut open: Option<(String, usize, usize)> = None;
    for mail in mails {
        each(&mail);
        count += 1;
        octets += mail.octets.len();
        let length = mail.octets.len();
        let date = imap_date(mail.received);
        let (tag, begun, sum) = match open.take() {
            Some((tag, begun, sum)) => (tag, begun + 1, sum + length),
            None => {
                let tag = imap.tag();
                imap.push(format!("{tag} APPEND {}", quoted(folder)).as_bytes());
                (tag, 1, length)
            }
        };
        let plus = if literal_plus { "+" } else { "" };
        imap.push(format!(" \"{date}\" {{{length}{plus}}}\r\n").as_bytes());
        if !literal_plus {
            imap.flush()?;
            let text = imap.answer()?.text();
            if !text.starts_with('+') {
                return Err(Failure::new(format!("APPEND was refused: {text}")));
            }
        }
        imap.push(&mail.octets);
        // The octets lie in the connection's buffer until here; let them go early.
        if sum > 1 << 20 {
            imap.flush()?;
        }
        if many && begun < BATCH_MAILS && sum < BATCH_OCTETS {
            open = Some((tag, begun, sum));
        } else {
            close(imap, &tag)?;
        }
    }
    if let Some((tag, ..)) = open {
        close(imap, &tag)?;
    }
    Ok((count, octets))
}

fn close(imap: &mut Imap, tag: &str) -> Outcome<()> {
    imap.push(b"\r\n");
    imap.flush()?;
    imap.until(tag, |_| Ok(())).during("APPEND")
}
