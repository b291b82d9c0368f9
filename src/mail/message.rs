//! What a message says, as plain values. No parsing here, and nothing is cleaned: subjects and
//! names hold whatever the sender put there.

use super::decode::Encoding;
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
    /// The form in which addresses are compared: lower case.
    pub fn folded(&self) -> String {
        Address::fold(&self.address)
    }

    /// That form of any address: trimmed, lower case.
    pub fn fold(address: &str) -> String {
        address.trim().to_lowercase()
    }
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
    /// The whole body as plain text; absent when some of it exists as HTML only.
    pub text: Option<String>,
    /// The whole body as HTML, as it came (not made harmless); absent when none of it is HTML.
    pub html: Option<String>,
    /// Everything else, in the order of the message.
    pub attachments: Vec<Attachment>,
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
    /// More than one From address; the first one counts.
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

    pub(crate) fn into_vec(mut self) -> Vec<Oddity> {
        self.0.sort();
        self.0
    }
}
