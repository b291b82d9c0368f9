//! Refusals that outlast the process: whoever starts it again and again, a failing disk or an impatient hand,
//! must not have a refused password tried each time.
//!
//!   sign-in.json   one document, replaced safely; of each account when it may sign in again
//!
//! Written at a refusal, and at the first success behind it. Losing the file costs one attempt. A clock that
//! jumped shuts nobody out for longer than the longest wait.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{refusal, Gate, SIGN_IN};
use crate::engine::{document, Engine};
use crate::mailbox::{Fault, Refusal};
use crate::settings::{Mailbox, Sealed};
use crate::world::{Tick, Wall, World};

const FILE: &str = "sign-in.json";
/// What is older concerns nobody: accounts that are none any more leave theirs behind.
const OLD_MS: i64 = 86_400_000;

/// A refusal of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    /// When it may sign in again (Unix milliseconds).
    until: i64,
    /// Refusals in a row.
    times: u32,
    /// What the server said.
    said: String,
}

/// The document, and where it lies.
pub struct Kept {
    path: PathBuf,
    refused: RefCell<BTreeMap<String, Refused>>,
}

/// Who signs in there: another server, user or password is somebody else.
pub fn who(mailbox: &Mailbox) -> String {
    let password = mailbox.password.as_ref().map(Sealed::fingerprint);
    format!(
        "{}:{} {} {}",
        mailbox.host,
        mailbox.dial_port(),
        mailbox.username,
        password.unwrap_or_default()
    )
}

/// The same without the password.
fn account(who: &str) -> &str {
    who.rsplit_once(' ').map_or(who, |(account, _)| account)
}

impl Kept {
    /// What the store in `dir` remembers.
    pub fn open(world: &World, dir: &Path) -> Kept {
        let path = dir.join(FILE);
        let read = document::read(&*world.disk, &path);
        let refused = read.unwrap_or_else(|said| {
            log::error!("{said}; a password that was refused is tried once more");
            None
        });
        let refused = refused.unwrap_or_default();
        Kept {
            path,
            refused: RefCell::new(refused),
        }
    }

    /// Shuts the gate of `who` for as long as an earlier process would have.
    pub fn restore(&self, gate: &Gate, who: &str, wall: Wall, now: Tick) {
        let refused = self.refused.borrow();
        let Some(refused) = refused.get(who) else {
            return;
        };
        let left = u64::try_from(refused.until.saturating_sub(wall.0)).unwrap_or(0);
        let left = Duration::from_millis(left).min(SIGN_IN.most);
        let fault = refusal(&refused.said);
        gate.restore(now.plus(left), refused.times, fault);
    }

    /// Takes note of how the gate of `who` stands; whether that is something new.
    fn note(&self, gate: &Gate, who: &str, wall: Wall, now: Tick) -> bool {
        let mut refused = self.refused.borrow_mut();
        let before = refused.clone();
        refused.retain(|_, r| r.until.saturating_add(OLD_MS) > wall.0);
        match gate.shut(now) {
            Some((left, fault)) => {
                let said = match fault {
                    Fault::Refused {
                        why: Refusal::SignIn { said },
                        ..
                    } => said,
                    fault => fault.to_string(),
                };
                let entry = Refused {
                    until: wall.plus(left).0,
                    times: gate.times.get(),
                    said,
                };
                refused.insert(who.to_owned(), entry);
            }
            // Nor does what was refused by another password count any more.
            None => refused.retain(|other, _| account(other) != account(who)),
        }
        *refused != before
    }
}

impl Engine {
    /// Keeps how a gate stands. Where that fails the next start may try once more, which is said.
    pub(super) async fn keep_refusal(&self, gate: &Gate, who: &str) {
        let (wall, now) = (self.world.clock.wall(), self.world.clock.tick());
        if self.refusals.note(gate, who, wall, now) {
            self.write_refusals().await;
        }
    }

    /// The operator wants every password tried again, also by a process that is still to start.
    pub async fn forget_refusals(&self) {
        let forgotten = std::mem::take(&mut *self.refusals.refused.borrow_mut());
        if !forgotten.is_empty() {
            self.write_refusals().await;
        }
    }

    async fn write_refusals(&self) {
        let refused = self.refusals.refused.borrow().clone();
        self.replace(self.refusals.path.clone(), &refused).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            path: PathBuf::new(),
            refused: RefCell::default(),
        }
    }

    /// Goes red where a start tries what was refused a moment before, or forgets how often it was.
    #[test]
    fn what_was_refused_before_a_start_waits_its_time_and_counts() {
        let (kept, before) = (kept(), Gate::default());
        let (wall, now) = (Wall(1_800_000_000_000), Tick(Duration::from_secs(5)));
        before.shuts(now, 0, &refusal("no"));
        let (wait, _) = before.shut(now).expect("shut");
        assert!(kept.note(&before, "server anna 1", wall, now));
        assert!(
            !kept.note(&before, "server anna 1", wall, now),
            "nothing new"
        );
        let restored = |who: &str, wall: Wall| {
            let gate = Gate::default();
            // The clock of another process begins anew.
            let now = Tick(Duration::ZERO);
            kept.restore(&gate, who, wall, now);
            (gate.shut(now).map(|(left, _)| left), gate.times.get())
        };
        assert_eq!(restored("server anna 1", wall), (Some(wait), 1));
        let minute = Duration::from_secs(60);
        assert_eq!(
            restored("server anna 1", wall.plus(minute)).0,
            Some(wait - minute)
        );
        assert_eq!(restored("server anna 1", wall.plus(wait)), (None, 1));
        assert_eq!(restored("server anna 2", wall), (None, 0));
        // The clock went back to 1970: nobody is shut out for longer than at most.
        assert_eq!(restored("server anna 1", Wall(0)).0, Some(SIGN_IN.most));
        // What is long over leaves with the next that comes: accounts go, and nobody says so.
        let later = wall.plus(wait + Duration::from_secs(2 * 86_400));
        assert!(kept.note(&before, "server kim 1", later, now));
        let known: Vec<String> = kept.refused.borrow().keys().cloned().collect();
        assert_eq!(known, ["server kim 1"]);
        assert!(kept.note(&before, "server anna 1", wall, now));
        before.forget();
        assert!(kept.note(&before, "server anna 1", wall, now));
        assert_eq!(restored("server anna 1", wall), (None, 0));
    }
}
