//! What of a message's files goes with its ticket, and what of them is left out.
//!
//! Whatever the limits: the ticket is made, it names what it goes without and why, and nothing is lost by it,
//! since the whole message stays in the archive. What the operator's settings leave out is part of the decision;
//! what the portal itself does not take is found out when it is sent.
//!
//! Files are counted in the order of the message, the original behind them where it is attached. One that goes over the
//! sum or the count is left out, and a later one that still fits goes along.

use serde::{Deserialize, Serialize};

use super::compose::{file_name, ORIGINAL};
use crate::mail::Message;

/// Files that a ticket names in its text: the portal is told of all of them.
const NAMED: usize = 20;

/// What the operator lets through; nothing is a limit where it is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Octets of one file.
    pub largest: u64,
    /// Octets of all files of a ticket.
    pub sum: u64,
    /// Files of a ticket.
    pub count: u64,
    /// Endings of names (`.exe`), media types (`application/x-msdownload`) and kinds of them (`video/*`), in lower case.
    pub types: Vec<String>,
}

/// Why a file is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// The settings take none of its kind, by this word of theirs.
    Type(String),
    /// It is larger than this many octets, which the settings take.
    Large(u64),
    /// With those before it there were more than so many files.
    Many(u64),
    /// With those before it there were more than so many octets.
    Sum(u64),
    /// It is larger than the portal takes; so many octets, where it says how many.
    PortalLarge(Option<u64>),
    /// The portal takes none of its kind.
    PortalType,
}

/// A file that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omission {
    /// The how-manieth of the message's files it is, from zero on.
    pub file: u32,
    /// Why.
    pub why: Why,
}

impl Why {
    /// The contract's word.
    pub fn code(&self) -> &'static str {
        match self {
            Why::Type(_) => "type",
            Why::Large(_) => "too-large",
            Why::Many(_) => "too-many",
            Why::Sum(_) => "too-large-together",
            Why::PortalLarge(_) => "portal-too-large",
            Why::PortalType => "portal-type",
        }
    }

    /// The limit that it is over, where that is a number.
    pub fn limit(&self) -> Option<u64> {
        match self {
            Why::Large(most) | Why::Many(most) | Why::Sum(most) => Some(*most),
            Why::PortalLarge(most) => *most,
            Why::Type(_) | Why::PortalType => None,
        }
    }

    /// In words, behind a file's name.
    pub fn said(&self) -> String {
        match self {
            Why::Type(word) => format!("the mailbox's settings take no {word}"),
            Why::Large(most) => {
                format!(
                    "larger than the {} that the mailbox's settings take",
                    size(*most)
                )
            }
            Why::Many(most) => {
                format!("behind the {most} files that the mailbox's settings take of one message")
            }
            Why::Sum(most) => format!(
                "over the {} that the mailbox's settings take of one message",
                size(*most)
            ),
            Why::PortalLarge(Some(most)) => {
                format!("larger than the {} that the portal takes", size(*most))
            }
            Why::PortalLarge(None) => "larger than the portal takes".to_owned(),
            Why::PortalType => "the portal does not take it".to_owned(),
        }
    }
}

impl Limits {
    /// Whether everything goes along.
    pub fn are_off(&self) -> bool {
        self.largest == 0 && self.sum == 0 && self.count == 0 && self.types.is_empty()
    }

    /// What is left out of a message; `original` has its octets where it is to be attached.
    pub fn leave_out(&self, message: &Message, original: Option<u64>) -> Vec<Omission> {
        if self.are_off() {
            return Vec::new();
        }
        let mut along = (0_u64, 0_u64);
        let mut left_out = Vec::new();
        let attached = message.attachments.iter().enumerate().map(|(at, file)| {
            let name = file_name(file.name.as_deref(), at, &file.content_type);
            (name, file.content_type.as_str(), file.size)
        });
        let original = original.map(|octets| (ORIGINAL.to_owned(), "message/rfc822", octets));
        for (at, (name, content_type, octets)) in attached.chain(original).enumerate() {
            match self.against(&name, content_type, octets, along) {
                None => along = (along.0 + 1, along.1.saturating_add(octets)),
                Some(why) => left_out.extend(u32::try_from(at).map(|file| Omission { file, why })),
            }
        }
        left_out
    }

    /// What speaks against one more file, behind so many and so many octets.
    fn against(
        &self,
        name: &str,
        content_type: &str,
        octets: u64,
        (files, sum): (u64, u64),
    ) -> Option<Why> {
        let over = |limit: u64, here: u64| limit > 0 && here > limit;
        if let Some(word) = self.refused(name, content_type) {
            return Some(Why::Type(word.to_owned()));
        }
        if over(self.largest, octets) {
            return Some(Why::Large(self.largest));
        }
        if over(self.count, files + 1) {
            return Some(Why::Many(self.count));
        }
        over(self.sum, sum.saturating_add(octets)).then_some(Why::Sum(self.sum))
    }

    /// The word of the settings that names its type.
    fn refused(&self, name: &str, content_type: &str) -> Option<&str> {
        if self.types.is_empty() {
            return None;
        }
        let name = name.to_lowercase();
        let of_it = |word: &&String| match word.split_once('/') {
            None => name.ends_with(word.as_str()),
            Some((kind, "*")) => content_type.split('/').next() == Some(kind),
            Some(_) => content_type == word.as_str(),
        };
        self.types.iter().find(of_it).map(String::as_str)
    }
}

/// What the ticket says of what it goes without: lines of text, each ended.
pub(super) fn note<'a>(
    left_out: impl ExactSizeIterator<Item = (&'a str, u64, &'a Why)>,
    mailbox: &str,
    key: &str,
) -> Vec<String> {
    let count = left_out.len();
    let files = match count {
        1 => "1 file".to_owned(),
        _ => format!("{count} files"),
    };
    let mut lines = vec![format!(
        "[postern: {files} of this message not attached here:"
    )];
    for (name, octets, why) in left_out.take(NAMED) {
        lines.push(format!("- {name} ({}): {}", size(octets), why.said()));
    }
    if count > NAMED {
        lines.push(format!("- and {} more", count - NAMED));
    }
    let mailbox = match mailbox {
        "" => "its mailbox",
        address => address,
    };
    lines.push(format!(
        "The whole message lies in the archive folder of {mailbox}, and for some time here: postern queue export {key}]"
    ));
    lines
}

/// Octets for people.
pub fn size(octets: u64) -> String {
    match octets {
        0..=1023 => format!("{octets} octets"),
        1024..=1_048_575 => format!("{} KiB", octets >> 10),
        _ => format!(
            "{}.{} MiB",
            octets >> 20,
            ((octets >> 10) & 1023) * 10 / 1024
        ),
    }
}

#[cfg(test)]
mod tests;
