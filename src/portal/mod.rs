//! Where tickets go: one port, and what stands behind it.
//!
//! 1. `Portal` is the port: ping, directory, find by key, create, reply, attachments. The engine
//!    speaks only to it, one method for one request, and no method tries twice
//!    (but for a token that the portal takes no more: with a fresh one, once).
//! 2. `contract` is the port for portals that keep `config/portal.openapi.yaml`; connectors to
//!    other systems will stand beside it.
//! 3. `verdict` says what a failure means for the ticket and for the link, in one place.
//!    `cause` has the mends for what only a person can change.
//! 4. `sign_in` has what the appliance signs in with: a token, or one that is got by OAuth.
//! 5. `settings` holds what the operator sets about it.
//!
//! Knows nothing of queues, back-off and mail. What is sent as a ticket comes as octets that were
//! composed once: a second attempt sends the same.

mod cause;
pub mod contract;
pub mod document;
pub mod settings;
mod sign_in;
pub mod verdict;

pub use cause::{Cause, Peer};
#[cfg(feature = "inside")]
pub use contract::inside;
pub use contract::Contract;
pub use settings::Settings;
pub use verdict::Fault;

use crate::http::Bytes;
use crate::world::{Body, LocalFuture, Wall};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a portal says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Product and version, for people.
    pub portal: Option<String>,
    /// The version of the interface it speaks.
    pub api: String,
    /// The portal's clock.
    pub time: Option<Wall>,
    /// Changes when the portal may have forgotten what it accepted.
    pub epoch: String,
    /// What was accepted before this moment survived the last restore.
    pub restored_to: Option<Wall>,
    /// How long it keeps keys and answers a second request with the first answer; `None` when it
    /// doesn't, and what is in doubt must be looked up.
    pub keeps_keys: Option<Duration>,
    /// Whether tickets are found by their key.
    pub finds_keys: bool,
    /// Whether tickets are found by what was sent and answered in them.
    pub finds_conversations: bool,
    /// Whether it heeds what rules set on a ticket.
    pub takes_marks: bool,
    /// Largest ticket it takes, where it says so.
    pub ticket_bytes: Option<u64>,
    /// Largest attachment it takes, where it says so.
    pub attachment_bytes: Option<u64>,
}

#[cfg(test)]
impl Ping {
    /// A portal that promises nothing.
    pub(crate) fn plain() -> Self {
        Self {
            portal: None,
            api: "1.0".to_owned(),
            time: None,
            epoch: "e1".to_owned(),
            restored_to: None,
            keeps_keys: None,
            finds_keys: true,
            finds_conversations: false,
            takes_marks: false,
            ticket_bytes: None,
            attachment_bytes: None,
        }
    }
}

/// A person of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The portal's id.
    pub id: String,
    /// Name, for people.
    pub name: String,
    /// Every address that the person writes from.
    pub addresses: Vec<String>,
    /// Id of the person's company.
    #[serde(default)]
    pub company: Option<String>,
    /// Works for the portal's operator.
    #[serde(default)]
    pub technician: bool,
}

/// A company of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// The portal's id.
    pub id: String,
    /// Name, for people.
    pub name: String,
    /// Mail domains that belong to it.
    pub domains: Vec<String>,
}

/// An entry that is no longer in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "lowercase")]
pub enum Removed {
    /// The user with this id.
    User(String),
    /// The company with this id.
    Company(String),
}

/// Some changes of the directory, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// New or changed, each whole.
    pub users: Vec<User>,
    /// New or changed, each whole.
    pub companies: Vec<Company>,
    /// Gone.
    pub removed: Vec<Removed>,
    /// Where the next page begins.
    pub cursor: String,
    /// Whether there is one already.
    pub more: bool,
}

/// What the directory answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// The next page.
    Page(Page),
    /// The cursor is too old: read from the beginning, and drop what does not come.
    StartAgain,
}

/// Proof that the portal has a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Id of the ticket that the message became, or that it is a reply on.
    pub ticket: String,
    /// Id of the reply; `None` when the message became a ticket.
    pub reply: Option<String>,
    /// Where a person can see it.
    pub url: Option<String>,
}

/// What a message says of the ticket that it belongs to, where nothing of that is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Reply tokens.
    pub tokens: Vec<String>,
    /// Message-IDs without brackets, the likeliest first.
    pub message_ids: Vec<String>,
    /// What stands in the portal's own tags.
    pub tickets: Vec<String>,
}

impl Signs {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.message_ids.is_empty() && self.tickets.is_empty()
    }
}

/// A ticket of the portal's, and who takes part in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub ticket: String,
    /// Whether messages may be added to it.
    pub open: bool,
    /// Its requester, by the directory's id.
    #[serde(default)]
    pub user: Option<String>,
    /// Its company, likewise.
    #[serde(default)]
    pub company: Option<String>,
    /// Addresses of whoever takes part.
    #[serde(default)]
    pub participants: Vec<String>,
}

/// A portal. Each method is one request; an error says what it means, see `Fault`.
pub trait Portal {
    /// Whether the portal is there and takes our token, and how it behaves.
    fn ping(&self) -> LocalFuture<'_, Result<Ping, Fault>>;

    /// At most `limit` changes of the directory since `cursor`; all of it from the beginning when
    /// there is none.
    fn directory<'a>(
        &'a self,
        cursor: Option<&'a str>,
        limit: u32,
    ) -> LocalFuture<'a, Result<Changes, Fault>>;

    /// What has this key at the portal, oldest first.
    fn find<'a>(&'a self, key: &'a str) -> LocalFuture<'a, Result<Vec<Receipt>, Fault>>;

    /// The first ticket that any of these signs leads to, in their order.
    fn conversation<'a>(
        &'a self,
        signs: &'a Signs,
    ) -> LocalFuture<'a, Result<Option<Conversation>, Fault>>;

    /// Makes a ticket of a composed document.
    fn create<'a>(
        &'a self,
        key: &'a str,
        document: Bytes,
    ) -> LocalFuture<'a, Result<Receipt, Fault>>;

    /// Adds a composed document to a ticket.
    fn reply<'a>(
        &'a self,
        ticket: &'a str,
        key: &'a str,
        document: Bytes,
    ) -> LocalFuture<'a, Result<Receipt, Fault>>;

    /// Whether the portal has content with this digest.
    fn has<'a>(&'a self, digest: &'a [u8; 32]) -> LocalFuture<'a, Result<bool, Fault>>;

    /// Sends content, streamed.
    fn attach(&self, body: Body) -> LocalFuture<'_, Result<(), Fault>>;
}

// Decisions
//
// The port takes composed octets, not a ticket: the engine must send the same octets on every
// attempt whatever has changed since, so composing is a step before the first attempt, not part of
// each. A connector whose system wants another shape composes its own and gets it back here.
//
// A 408, 409 or 5xx after a write counts as unsure, not as failed: a gateway that gives up says nothing
// of what happened behind it. Where the portal keeps keys the difference costs a look-up. A 429 and any
// other 4xx refuse a request before it is worked on, and the contract holds a portal to that; a gateway
// that answers them behind an acceptance was never met, and would change our mind.
