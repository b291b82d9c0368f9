//! What a message says, as plain values. No parsing here, and nothing is cleaned: subjects and
//! names hold whatever the sender put there.

use super::authentication::Trace;
use super::decode::Encoding;
use super::forwarded::Forwarded;
use super::rewritten::Rewritten;
use super::unpack::Inside;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// Octets of a body text, or of a body's HTML, that a [`Message`] holds.
pub const BODY_MAX: usize = 4 * 1024 * 1024;

/// Who a message is from or to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The display name, decoded.
    pub name: Option<String>,
    /// The address proper (local part, `@`, domain), trimmed; as the sender wrote it.
    pub address: String,
}

impl Address {
    /// The form in which addresses are compared: lower case, the domain in ASCII.
    pub fn folded(&self) -> String {
        Address::fold(&self.address)
    }

    /// That form of any address: trimmed, lower case, the domain as [`Address::fold_domain`] has it. What
    /// stands in front of the `@` is the domain's own affair but for the case, which no server tells apart:
    /// dots count, and so does what stands behind a plus.
    pub fn fold(address: &str) -> String {
        let address = address.trim();
        // Most are so already.
        if address.bytes().all(is_plain) && !address.ends_with('.') {
            return address.to_ascii_lowercase();
        }
        match address.rsplit_once('@') {
            Some((local, domain)) => {
                // Quotes that nothing asks for are no part of it (RFC 5322 §3.4.1).
                let quoted = local.strip_prefix('"').and_then(|l| l.strip_suffix('"'));
                let local = quoted.filter(|l| is_dot_atom(l)).unwrap_or(local);
                format!("{}@{}", local.to_lowercase(), Address::fold_domain(domain))
            }
            None => address.to_lowercase(),
        }
    }

    /// The form in which domains are compared: lower case, in ASCII (IDNA, UTS 46), without a dot at the end.
    pub fn fold_domain(domain: &str) -> String {
        let nothing = |c: char| c == '.' || c.is_whitespace();
        let domain = domain.trim_start().trim_end_matches(nothing);
        if domain.is_ascii() {
            return domain.to_ascii_lowercase();
        }
        // What is no name of a host is still somebody's spelling of it.
        let ascii = idna::domain_to_ascii(domain).ok();
        let ascii = ascii.map(|ascii| ascii.trim_end_matches(nothing).to_owned());
        ascii.unwrap_or_else(|| domain.to_lowercase())
    }

    /// An address in that form without what stands behind a plus: how many servers sort one person's mail.
    pub fn without_plus(folded: &str) -> String {
        match folded.rsplit_once('@') {
            Some((local, domain)) if !local.starts_with('"') => match local.split_once('+') {
                Some((person, _)) if !person.is_empty() => format!("{person}@{domain}"),
                _ => folded.to_owned(),
            },
            _ => folded.to_owned(),
        }
    }
}

/// Whether an octet of an address stands for itself but for its case: no quote, no blank, nothing beyond ASCII.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'@' | b'.' | b'-' | b'_' | b'+')
}

/// Whether this may stand in front of an `@` without quotes (RFC 5322 §3.2.3, RFC 6532).
fn is_dot_atom(local: &str) -> bool {
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let mut atoms = local.split('.');
    atoms.all(|part| !part.is_empty() && part.chars().all(atom))
}

/// The Date field: what the sender's clock said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Date {
    /// Milliseconds since 1970-01-01T00:00:00Z, when it could be read.
    pub ms: Option<i64>,
    /// The field's own words.
    pub original: String,
}

/// A part that is handed on as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The file name that the sender gave, decoded but not cleaned.
    pub name: Option<String>,
    /// The media type in lower case, without parameters.
    pub content_type: String,
    /// Shown within the body (disposition inline, or the HTML refers to it).
    pub inline: bool,
    /// Content-ID without angle brackets.
    pub content_id: Option<String>,
    /// Where the encoded body lies in the original message, in octets.
    pub range: Range<u64>,
    /// How it is encoded there.
    pub encoding: Encoding,
    /// Octets after decoding.
    pub size: u64,
    /// SHA-256 of the decoded octets.
    pub sha256: [u8; 32],
    /// Where it lies within what that range is decoded, where it came packed in another.
    pub inside: Option<Inside>,
}

/// What a program is that wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineKind {
    /// One that answers by itself whoever writes to somebody (RFC 3834 §2).
    Reply,
    /// One that writes by itself: a scanner, a monitoring system, a newsletter.
    Notice,
    /// One that hands on to many what somebody wrote (RFC 2369, RFC 2919).
    List,
}

impl MachineKind {
    /// Its code: stable, kebab-case.
    pub fn code(self) -> &'static str {
        match self {
            MachineKind::Reply => "reply",
            MachineKind::Notice => "notice",
            MachineKind::List => "list",
        }
    }
}

/// That a program wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// What it is.
    pub kind: MachineKind,
    /// The field by which it is known.
    pub sign: String,
}

/// What is reported of another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// It could not be delivered (RFC 3464).
    Failed,
    /// It could not be delivered yet.
    Delayed,
    /// It was delivered, or handed on.
    Delivered,
    /// It was shown to its reader, or removed unread (RFC 8098).
    Receipt,
    /// Its reader calls it abuse (RFC 5965).
    Complaint,
}

impl ReportKind {
    /// Its code: stable, kebab-case.
    pub fn code(self) -> &'static str {
        match self {
            ReportKind::Failed => "failed",
            ReportKind::Delayed => "delayed",
            ReportKind::Delivered => "delivered",
            ReportKind::Receipt => "receipt",
            ReportKind::Complaint => "complaint",
        }
    }
}

/// A recipient of whom a report speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The address, as the reporting system knows it.
    pub address: String,
    /// The address that the message was sent to, where that is another.
    pub as_sent: Option<String>,
    /// What became of it: `failed`, `delayed`, `delivered`, `displayed`, ...
    pub action: Option<String>,
    /// The enhanced status code (RFC 3463), such as 5.1.1.
    pub status: Option<String>,
    /// What the other system said, in one line.
    pub said: Option<String>,
}

/// A report about another message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it reports.
    pub kind: ReportKind,
    /// Of whom it speaks.
    pub about: Vec<About>,
    /// The Message-ID of the message that it is about, without angle brackets.
    pub original: Option<String>,
    /// That message's subject.
    pub subject: Option<String>,
}

/// What a text was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextFrom {
    /// The message's HTML.
    Html,
    /// An invitation to a calendar.
    Calendar,
    /// A file of Outlook's own form (MS-OXTNEF).
    Winmail,
    /// Nothing: it is our word that there is none that could be read.
    Notice,
}

impl TextFrom {
    /// Its code: stable, kebab-case.
    pub fn code(self) -> &'static str {
        match self {
            TextFrom::Html => "html",
            TextFrom::Calendar => "calendar",
            TextFrom::Winmail => "winmail",
            TextFrom::Notice => "notice",
        }
    }
}

/// How a message is protected. Nothing is verified, and nothing decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Signed by S/MIME (RFC 8551).
    SmimeSigned,
    /// Encrypted by S/MIME.
    SmimeEncrypted,
    /// Signed by OpenPGP (RFC 3156, or in its text).
    PgpSigned,
    /// Encrypted by OpenPGP.
    PgpEncrypted,
}

impl Protection {
    /// Its code: stable, kebab-case.
    pub fn code(self) -> &'static str {
        match self {
            Protection::SmimeSigned => "smime-signed",
            Protection::SmimeEncrypted => "smime-encrypted",
            Protection::PgpSigned => "pgp-signed",
            Protection::PgpEncrypted => "pgp-encrypted",
        }
    }

    /// Whether nobody can read it without a key.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Protection::SmimeEncrypted | Protection::PgpEncrypted)
    }
}

/// A day, or a time of one, as a calendar has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// `2026-03-02`, or `2026-03-02T09:15:00`.
    pub at: String,
    /// The zone of that time, by the name that the calendar gives it, or `UTC`.
    pub zone: Option<String>,
}

/// Somebody in a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub address: String,
    /// What was answered, as the calendar has it: `accepted`, `declined`, `tentative`, ...
    pub answer: Option<String>,
}

/// An event of a calendar (RFC 5545).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What is asked (RFC 5546): `request`, `cancel`, `reply`, ...
    pub method: Option<String>,
    /// Its id.
    pub uid: Option<String>,
    /// Its title.
    pub summary: Option<String>,
    /// When it begins.
    pub starts: Option<Moment>,
    /// When it ends.
    pub ends: Option<Moment>,
    /// How long it lasts, in words, where that is told instead.
    pub lasts: Option<String>,
    /// The date of a series that it replaces.
    pub instead: Option<Moment>,
    /// How it recurs, in words.
    pub recurs: Option<String>,
    /// Where it is.
    pub location: Option<String>,
    /// Who asks.
    pub organizer: Option<Invited>,
    /// Who is asked.
    pub attendees: Vec<Invited>,
    /// What it is about.
    pub about: Option<String>,
    /// What somebody says of it.
    pub comment: Option<String>,
}

/// A field of a header, as somebody named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, in lower case.
    pub name: String,
    /// What it says, unfolded and decoded.
    pub value: String,
}

/// What a message means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Every author, in order; the first one is the sender.
    pub from: Vec<Address>,
    /// The Sender field.
    pub sender: Option<Address>,
    /// Where answers should go.
    pub reply_to: Vec<Address>,
    /// Main recipients.
    pub to: Vec<Address>,
    /// Further recipients.
    pub cc: Vec<Address>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// The Date field.
    pub date: Option<Date>,
    /// Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// In-Reply-To, without angle brackets.
    pub in_reply_to: Vec<String>,
    /// References, oldest first, without angle brackets.
    pub references: Vec<String>,
    /// The whole body as plain text.
    pub text: Option<String>,
    /// What the text was made from, where the message has none, or not all of it, as plain text.
    pub text_from: Option<TextFrom>,
    /// Lines at the beginning of the plain text that were written now, where a signature or what was written
    /// before is below them.
    pub new_lines: Option<u32>,
    /// The whole body as HTML, made harmless; absent when none of it is HTML. What stands below its new lines
    /// is in elements `<div data-postern="history">`, where they can be told.
    pub html: Option<String>,
    /// Everything else, in the order of the message.
    pub attachments: Vec<Attachment>,
    /// What it wants to have put into a calendar.
    pub events: Vec<Event>,
    /// How it is protected.
    pub protection: Option<Protection>,
    /// That a program wrote it.
    pub machine: Option<Machine>,
    /// That it reports what became of another message.
    pub report: Option<Report>,
    /// What servers put in front of it, topmost first.
    pub trace: Vec<Trace>,
    /// Who wrote what a list or group hands on under its own address.
    pub rewritten: Option<Rewritten>,
    /// Whose messages it forwards, outermost first.
    pub forwarded: Vec<Forwarded>,
    /// Fields of its header that somebody named; none where nobody asks.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// What was strange about it, each once.
    pub oddities: Vec<Oddity>,
    /// It could not be read as mail at all: whoever tells of it hands on the original.
    pub unparsed: bool,
}

impl Message {
    /// Who it is from: the first From address, else the Sender.
    pub fn author(&self) -> Option<&Address> {
        self.from.first().or(self.sender.as_ref())
    }

    /// Whether whoever tells of it hands on the original: nobody here could read it.
    pub fn needs_original(&self) -> bool {
        self.unparsed || self.protection.is_some_and(Protection::is_encrypted)
    }
}

macro_rules! oddities {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal,)+) => {
        /// Something strange about a message that didn't stop it from being understood.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Oddity {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl Oddity {
            /// Every oddity there is.
            pub const ALL: &'static [Oddity] = &[$(Oddity::$variant,)+];

            /// Its code: stable, kebab-case.
            pub fn code(self) -> &'static str {
                match self { $(Oddity::$variant => $code,)+ }
            }
        }
    };
}

oddities! {
    /// No header field at all, or none that says anything about a message.
    NoHeader = "no-header",
    /// No From field, or one without an address.
    NoFrom = "no-from",
    /// More than one From address; whose request it is, Sender and directory tell.
    SeveralFrom = "several-from",
    /// The From field is a group.
    GroupFrom = "group-from",
    /// A field that may stand once stands more often; the first one counts.
    RepeatedField = "repeated-field",
    /// A line of the header section is no field.
    UnreadableHeaderLine = "unreadable-header-line",
    /// A field is longer than we read; the rest of it was left out.
    LongField = "long-field",
    /// The header sections together are longer than we read; later fields were left out.
    LongHeader = "long-header",
    /// A field has more parameters than we read.
    ManyParameters = "many-parameters",
    /// More recipients or references than we keep.
    LongList = "long-list",
    /// A field holds octets that are neither ASCII nor UTF-8; read as windows-1252.
    RawFieldOctets = "raw-field-octets",
    /// The Date field can't be read.
    UnreadableDate = "unreadable-date",
    /// A multipart names no boundary; its body was taken as text.
    NoBoundary = "no-boundary",
    /// A multipart's boundary never appears; its body was taken as text.
    BoundaryNotFound = "boundary-not-found",
    /// A multipart isn't closed: the message may have been cut short.
    NotClosed = "not-closed",
    /// Text stands behind the end of a multipart and is not shown.
    TextAfterEnd = "text-after-end",
    /// Multiparts nested deeper than we follow; the inner ones became one attachment.
    DeepNesting = "deep-nesting",
    /// More parts than we follow; the rest of the message became one attachment.
    ManyParts = "many-parts",
    /// A text too long to be shown became an attachment, or its end was left out.
    LongText = "long-text",
    /// A Content-Transfer-Encoding that we don't know; the octets were left as they are.
    UnknownEncoding = "unknown-encoding",
    /// Uuencoded content, left as it is.
    Uuencoded = "uuencoded",
    /// The transfer encoding of a part is damaged; what could be decoded was.
    DamagedEncoding = "damaged-encoding",
    /// A character set that we don't know.
    UnknownCharset = "unknown-charset",
    /// Characters could not be decoded and show as U+FFFD.
    LostCharacters = "lost-characters",
    /// A text holds NUL octets.
    NulOctets = "nul-octets",
    /// A winmail.dat was unpacked: its files are attached instead of it.
    WinmailUnpacked = "winmail-unpacked",
    /// A winmail.dat holds what could not be taken out of it: it is attached itself, too.
    WinmailLeft = "winmail-left",
    /// A text is plainly in another character set than it says; it was read in that one.
    CharsetRepaired = "charset-repaired",
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Oddities as they are met, each once, in the order of their first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities(Vec<Oddity>);

impl Oddities {
    pub(crate) fn note(&mut self, oddity: Oddity) {
        if !self.0.contains(&oddity) {
            self.0.push(oddity);
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = Oddity> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn into_vec(mut self) -> Vec<Oddity> {
        self.0.sort();
        self.0
    }
}
