//! When a mailbox may sign in: a password that was refused is not tried again before its time, by
//! whichever task of the mailbox wants to. Servers lock accounts for less, and then for everybody.
//!
//! Each attempt of the engine's own goes through `connect`. What opens the gate early is the
//! operator's word alone: `retry`, or another server, user or password (`Post`). Neither does a start: what was
//! refused is kept (`kept`).
//!
//! # Decisions
//!
//! - *A refusal beside a session that stands is no refusal of the password.* Some servers say the same
//!   words to one session too many (Gmail does). So it does not shut the gate, and the archiver alone
//!   waits, as long as it would behind the gate.
//! - *A session that ends behind the password is a refusal, the second time.* Some servers hang up on whom they
//!   refuse, with a BYE or without; tried again at the pace of a lost connection that locks the account.

mod kept;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::post::Post;
use super::Engine;
use crate::mailbox::{Account, Fault, Refusal, Session, SIGNING_IN};
use crate::passage::retry::Backoff;
use crate::world::Tick;

pub use kept::{who, Kept};

/// Slow enough for any rule that locks accounts: five failures in half an hour is a common one.
pub const SIGN_IN: Backoff = Backoff {
    first: Duration::from_secs(900),
    most: Duration::from_secs(3600),
};

/// Sessions that end behind the password, after which it counts as refused.
const UNANSWERED: u32 = 2;

/// See the file's head.
#[derive(Default)]
pub struct Gate {
    shut: RefCell<Option<(Tick, Fault)>>,
    /// Refusals in a row.
    times: Cell<u32>,
    /// Sessions in a row that ended behind the password, without a word to it.
    unanswered: Cell<u32>,
}

impl Gate {
    /// How long it stays shut from `now` on, if it is, and which fault shut it.
    pub fn shut(&self, now: Tick) -> Option<(Duration, Fault)> {
        let shut = self.shut.borrow();
        let (until, fault) = shut.as_ref().filter(|(until, _)| *until > now)?;
        Some((until.since(now), fault.clone()))
    }

    /// Shuts it after a refusal, each time for longer.
    pub fn shuts(&self, now: Tick, jitter: u64, fault: &Fault) {
        let times = self.times.get().saturating_add(1);
        self.times.set(times);
        let until = now.plus(SIGN_IN.after(times, jitter));
        self.shut.replace(Some((until, fault.clone())));
    }

    /// How it stood when an earlier process ended.
    fn restore(&self, until: Tick, times: u32, fault: Fault) {
        self.times.set(times);
        self.shut.replace(Some((until, fault)));
    }

    /// Opens it for one attempt: what was refused before still counts.
    pub fn open(&self) {
        self.shut.replace(None);
    }

    /// A session ended behind the password, and nothing was said to it. Some servers refuse so; and a server that
    /// goes down does the same, once. Gives what shuts the gate where it happened again.
    fn unanswered(&self, lost: &Fault) -> Option<Fault> {
        let times = self.unanswered.get().saturating_add(1);
        self.unanswered.set(times);
        (times >= UNANSWERED).then(|| {
            refusal(&format!(
                "it does not say so, and ends the session behind the password, {times} times in a row ({lost})"
            ))
        })
    }

    /// Forgets every refusal.
    pub fn forget(&self) {
        self.open();
        self.times.set(0);
        self.unanswered.set(0);
    }
}

/// That the server refused username or password, in its words.
fn refusal(said: &str) -> Fault {
    Fault::Refused {
        doing: SIGNING_IN.to_owned(),
        why: Refusal::SignIn {
            said: said.to_owned(),
        },
    }
}

/// Whether the server refused username or password.
pub fn is_refusal(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Refused {
            why: Refusal::SignIn { .. },
            ..
        }
    )
}

/// Whether the session ended while it was signed in.
fn is_unanswered(fault: &Fault) -> bool {
    matches!(fault, Fault::Lost { doing, .. } if doing == SIGNING_IN)
}

/// Connects and signs in, unless the last attempt was refused a short while ago.
pub async fn connect(engine: &Engine, post: &Post, account: &Account) -> Result<Session, Fault> {
    let now = || engine.world.clock.tick();
    if let Some((_, fault)) = post.gate.shut(now()) {
        return Err(fault);
    }
    let mut connected = Session::connect(&engine.world, account).await;
    if let Err(lost) = &connected {
        let silent = is_unanswered(lost) && !post.is_signed_in();
        if let Some(refused) = silent.then(|| post.gate.unanswered(lost)).flatten() {
            connected = Err(refused);
        }
    }
    match &connected {
        Ok(_) => {
            post.gate.forget();
            engine.keep_refusal(&post.gate, &post.who()).await;
        }
        Err(fault) if is_refusal(fault) && !post.is_signed_in() => {
            let jitter = u64::from_le_bytes(engine.world.entropy.octets());
            post.gate.shuts(now(), jitter, fault);
            engine.keep_refusal(&post.gate, &post.who()).await;
        }
        Err(_) => {}
    }
    connected
}

#[cfg(test)]
mod tests;
