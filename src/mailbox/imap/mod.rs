//! IMAP4rev1 (RFC 3501) behind the mailbox port, over async-imap's parser.
//!
//! `dial` and `sign_in` make a session, `guard` and `wire` carry it, `commands` is the one loop that
//! reads every status, the rest is one file for each thing that the port can do. `verdict`, `set`,
//! `utf7`, `date` and `capability` are pure. It never uses async-imap's high-level calls: they
//! leave NO and BAD unread.

mod archive;
pub mod capability;
mod commands;
mod date;
pub(super) mod dial;
mod fetch;
mod folders;
mod guard;
mod id;
#[cfg(feature = "inside")]
pub mod inside;
mod list;
mod look;
pub(super) mod probe;
mod rights;
mod set;
mod sign_in;
pub(super) mod slices;
mod utf7;
mod verdict;
mod watch;
mod wire;

use async_imap::imap_proto::{Response, ResponseCode};

use self::capability::Abilities;
use self::commands::State;
use self::verdict::Code;
use self::wire::Wire;
use super::{Access, Fault, Opened};
use crate::passage::{Uid, UidValidity};

/// A signed-in IMAP session.
pub struct Imap {
    wire: Wire,
    abilities: Abilities,
    /// What the server calls itself, for people.
    vendor: Option<String>,
    state: State,
}

impl Imap {
    pub(super) fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    pub(super) async fn open(&mut self, folder: &str, access: Access) -> Result<Opened, Fault> {
        let doing = format!("opening the folder {folder}");
        let verb = match access {
            Access::Watch => "SELECT",
            Access::Look => "EXAMINE",
        };
        let command = format!("{verb} {}", folders::quote(folder));
        // What follows is about another folder.
        self.state = State {
            walk: (self.state.walk.0, 1),
            ..State::default()
        };
        let mut uid_next = None;
        let mut read_only = access == Access::Look;
        let opened = self.ask(&doing, &command, |answer| match answer {
            Response::Data { outcome, .. } => {
                if let Some(ResponseCode::UidNext(n)) = &outcome.code {
                    uid_next = Some(Uid(*n));
                }
            }
            Response::Done { outcome, .. } => match &outcome.code {
                Some(ResponseCode::ReadOnly) => read_only = true,
                Some(ResponseCode::ReadWrite) => read_only = false,
                _ => {}
            },
            _ => {}
        });
        if let Err(denial) = opened.await? {
            // Dovecot among others denies an absent folder without a code: LIST tells.
            if denial.code == Code::Other && !self.exists(folder).await? {
                let said = denial.said;
                return Err(Fault::Gone { doing, said });
            }
            return Err(verdict::open(&doing, denial));
        }
        self.state.opened = Some(folder.to_owned());
        self.state.read_only = read_only;
        self.state.news = false;
        // RFC 3501 §6.3.1: a server without UIDVALIDITY has UIDs that mean nothing later. There is
        // none in use; 0 is no UIDVALIDITY of anybody's, so its places match nothing else.
        let uid_validity = *self.state.uid_validity.get_or_insert(UidValidity(0));
        Ok(Opened {
            uid_validity,
            uid_next,
            exists: self.state.exists,
            read_only,
        })
    }

    /// Says goodbye and waits a moment for the answer.
    pub(super) async fn logout(&mut self) {
        let doing = "saying goodbye";
        self.wire.queue("LOGOUT");
        if self.wire.flush(doing).await.is_ok() {
            let deadline = self
                .wire
                .clock()
                .tick()
                .plus(std::time::Duration::from_secs(2));
            // Its BYE comes as a fault, which ends this.
            while let Ok(Some(_)) = self.wire.next_until(deadline, doing).await {}
        }
    }
}
