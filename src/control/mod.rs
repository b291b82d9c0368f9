//! The service as commands and programs see it: one set of requests, wherever the engine runs.
//!
//! - `wire` has requests, answers and (in `documents`) what they carry; `port` says what a service
//!   must be able to do; `dispatch` and `change` turn the one into the other.
//! - `explain` says what would become of a message, and `compare` what would by other settings.
//! - `life` tells what the journal says of one message, `lists` which messages there are.
//! - `group` puts together what a storm left.
//! - `carry` seals the secrets that leave in a settings file, and opens those that come in one.
//! - `server` answers on a Unix socket, HTTP/1.1 with JSON; `client` asks there.
//! - `local` finds the way: the socket where a service listens, else an engine of this process.
//!
//! Words for the terminal are not its business (`console`), nor is what the requests do (`engine`).
//!
//! # Decisions
//!
//! *Questions are answers.* A change that the operator must be asked about is answered with what
//! there is to ask and changes nothing; the caller asks, and sends it again with `yes`. The service
//! never waits for a person, and holds no half-made change for one.
//!
//! *One connection, one request.* Commands need no more, and every limit (of time, of size, of how
//! many at once) is then one on connections.

mod carry;
mod change;
mod check;
mod client;
mod compare;
mod dispatch;
mod documents;
mod explain;
mod export;
mod follow;
mod group;
mod life;
mod lists;
mod local;
mod overview;
mod pace;
mod page;
mod people;
mod port;
mod retry;
mod rules;
mod server;
mod service;
mod story;
mod trial;
mod unprocessed;
mod wire;

pub use crate::ticket::By;
pub use client::ask as ask_at;
pub use compare::{Against, Both, Compare, Comparison, Differing, Others, Terms};
pub use dispatch::{dispatch, replies};
pub use explain::{Asked, Explanation, Mail, Step, Whose};
pub use export::Octets;
pub use group::{GroupLine, Together};
pub use local::{import_file, in_use, open_local, serve_and_run, Link};
pub use port::{Applied, Caller, Candidate, Ended, LeftBehind, Lines, Service, Tested};
pub use rules::{Change as RuleChange, Edit, Match, Tried, TriedRule, Whither};
pub use server::{serve, Limits};
pub use wire::{
    Answer, Codes, DirectoryLine, DirectoryPage, Event, Happening, How, Kind, Life, LifeLine,
    Listed, MailboxStatus, Matches, MessageLine, Outcome, Page, PortalStatus, Preview, ReasonCount,
    Refusal, Reply, Request, RevisionLine, SettingLine, Status, StoreStatus, Story, Typed,
};

/// Whose own address a mailbox has.
pub use crate::engine::owner::Owner;
// Their documents go over the wire as they are.
pub use crate::settings::{Change, Explained, Problem};

use crate::settings::Settings;

/// The fewest characters of a passphrase that secrets are exported under.
pub use crate::settings::PASSPHRASE_MIN;

/// Whether `key` names a secret, whatever mailboxes there are: such a value is never taken as an
/// argument.
pub fn is_secret(key: &str) -> bool {
    Settings::explain(key).is_ok_and(|all| all.len() == 1 && all.iter().all(|e| e.kind == "secret"))
}

/// What needs no service: the answer to a request that is the same everywhere.
pub fn explain(key: &str) -> Result<Answer, Refusal> {
    Ok(Answer::Explained {
        settings: Settings::explain(key)?,
    })
}
