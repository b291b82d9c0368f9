//! Where a ticket comes from: whose request it is, by which way that was found, and what was trusted.
//!
//! Decided once, by the settings and the directory of then, and kept with the decision: a ticket that is
//! composed again says the same. What is plain from the message alone is not repeated here, so that the
//! origin of nearly every message is a few octets.

use serde::{Deserialize, Serialize};

use crate::mail::authentication::{Finding, Verdict};
use crate::mail::Address;

/// By which way the requester was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The From field.
    #[default]
    From,
    /// The Sender field, where there is no From.
    Sender,
    /// The Reply-To field.
    ReplyTo,
    /// What a list or group says of the author.
    List,
    /// What a technician forwarded.
    Forward,
}

impl By {
    /// Its code: stable, kebab-case.
    pub fn code(self) -> &'static str {
        match self {
            By::From => "from",
            By::Sender => "sender",
            By::ReplyTo => "reply-to",
            By::List => "list",
            By::Forward => "forward",
        }
    }
}

/// Where a ticket comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// By which way the requester was found.
    pub by: By,
    /// The requester, where that is not simply the message's author.
    pub requester: Option<Address>,
    /// The directory's id of the technician who forwarded the request.
    pub technician: Option<String>,
    /// What the operator's own mail server found out about the author.
    pub authentication: Option<Verdict>,
    /// The address is a known user's, and that server says that its domain does not stand behind the message.
    pub doubtful: bool,
    /// Of the recipients, in lower case, those that are mailboxes of ours beside the one it came by.
    pub own: Vec<String>,
}

impl Origin {
    /// Whether the operator's own mail server found that the author's domain does not stand behind the message,
    /// whoever the author is.
    pub fn may_be_forged(&self) -> bool {
        let failed = |verdict: &Verdict| verdict.dmarc == Finding::Fail;
        self.doubtful || self.authentication.as_ref().is_some_and(failed)
    }
}
