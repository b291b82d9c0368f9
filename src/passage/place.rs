//! Where a message is on its server.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A mailbox of the settings: given once, when it is made, and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxId(pub u32);

/// A message's number within a mailbox and a UIDVALIDITY (RFC 9051 §2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uid(pub u32);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The life of a mailbox's UIDs (RFC 9051 §2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UidValidity(pub u32);

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Host, user and folder as one short digest: a place on another server, or of another account, is
/// another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin(pub [u8; 8]);

impl Origin {
    /// The origin of `folder` of `user` at `host`; host and user are compared without case.
    pub fn of(host: &str, user: &str, folder: &str) -> Self {
        let mut hasher = Sha256::new();
        for part in [&host.to_lowercase(), &user.to_lowercase(), folder] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut short = [0; 8];
        short.copy_from_slice(&hasher.finalize()[..8]);
        Self(short)
    }
}

/// Where a message is on its server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// In an IMAP mailbox.
    Imap {
        /// Host, user and folder.
        origin: Origin,
        /// The life of the UIDs.
        uid_validity: UidValidity,
        /// The number.
        uid: Uid,
    },
    /// Behind an immutable id (Exchange, Office365).
    Item {
        /// Host, user and folder.
        origin: Origin,
        /// The server's id.
        id: String,
    },
}

impl Place {
    /// Whether this is in the mailbox of `origin`, in whatever life of its UIDs.
    pub fn is_of(&self, origin: Origin) -> bool {
        matches!(self, Place::Imap { origin: at, .. } if *at == origin)
    }

    /// The number, where this is in the mailbox of `origin` during the life `validity` of its UIDs;
    /// anywhere else it can't be reached any more.
    pub fn uid_in(&self, origin: Origin, validity: UidValidity) -> Option<Uid> {
        match self {
            Place::Imap {
                origin: at,
                uid_validity,
                uid,
            } if *at == origin && *uid_validity == validity => Some(*uid),
            _ => None,
        }
    }
}

/// A point in the journal: what lies before it is known, what lies behind it is to be replayed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// Octets from the segment's start.
    pub offset: u64,
}
