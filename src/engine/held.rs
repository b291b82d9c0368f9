//! What is held, looked at again: gone or read on the server, or decided otherwise by now.
//!
//! A held message lies unread at its place; only its record is kept here. What is released is
//! fetched and decided as if it had just arrived.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use super::post::Post;
use super::reader::Reader;
use super::{account, departed, Engine, StoreFault};
use crate::index::{Found, Listed};
use crate::mail::Address;
use crate::mailbox::{Fault, Session};
use crate::passage::record::{Act, ActKind};
use crate::passage::{Entry, MailboxId, Record, Stage, Uid, UidValidity};
use crate::settings::Mailbox;
use crate::ticket::directory::{address_form, domain_form};
use crate::ticket::requester::is_public;
use crate::ticket::{Domains, Key, Reason, Ruleset, Unproven};

/// Held messages looked at together.
const PAGE: usize = 256;

/// What is said where the disk had no room for what a look would write.
pub(super) const OWED: &str = "what is held is looked at again once there is room";

/// Looks at everything that is held, one at a time: two at once would release the same twice.
#[derive(Default)]
pub struct Looks {
    begun: Cell<u64>,
    owed: Cell<bool>,
    /// Mailboxes whose settings say otherwise whose request a message is: what is held for want of a sender
    /// is decided anew, since its record alone can't tell.
    anew: RefCell<BTreeSet<MailboxId>>,
    turn: smol::lock::Mutex<()>,
}

impl Looks {
    /// How many have begun.
    pub fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// In these it is found otherwise by now whose request a message is.
    pub(super) fn anew(&self, mailboxes: impl Iterator<Item = MailboxId>) {
        self.anew.borrow_mut().extend(mailboxes);
    }

    /// The disk had no room for a look: it is made up for by the directory's task.
    pub(super) fn owe(&self) {
        self.owed.set(true);
    }

    /// Whether one is still to be made up for.
    pub(super) fn is_owed(&self) -> bool {
        self.owed.get()
    }
}

/// Why looking after them ended.
pub enum Failed {
    /// The mailbox's reasons.
    Mailbox(Fault),
    /// The store's reasons.
    Store(StoreFault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Failed::Mailbox(fault)
    }
}

impl From<StoreFault> for Failed {
    fn from(fault: StoreFault) -> Self {
        Failed::Store(fault)
    }
}

/// Closes the held messages of `mailbox` that are no longer unread at their place, after a whole
/// pass that found `unread`.
pub async fn look_after(
    engine: &Rc<Engine>,
    mailbox: &Mailbox,
    post: &Post,
    mut session: Session,
    validity: UidValidity,
    unread: &BTreeSet<Uid>,
) -> Result<Session, Failed> {
    let origin = account::origin(mailbox);
    let id = mailbox.id;
    for stage in [Stage::Held, Stage::Released] {
        let mut after = 0;
        while let Some(page) = engine.page(stage, &mut after).await? {
            let mut suspects: Vec<(Key, Option<Uid>, Reason)> = Vec::new();
            for Listed { key, entry } in &page {
                let here = entry.spots.iter().filter(|s| s.mailbox == id);
                let mut missing = None;
                let mut present = false;
                for spot in here {
                    match spot.place.uid_in(origin, validity) {
                        Some(uid) => {
                            present |= unread.contains(&uid);
                            missing = Some((Some(uid), Reason::Gone));
                        }
                        // In an earlier life of the UIDs, or in another account or folder.
                        None => {
                            let reason = match spot.place.is_of(origin) {
                                true => Reason::Gone,
                                false => Reason::MailboxGone,
                            };
                            missing = missing.or(Some((None, reason)));
                        }
                    }
                }
                if entry.spots.is_empty() && entry.mailbox == id {
                    let reason = match entry.convert {
                        // Somebody wants a ticket of it, and is to move it back.
                        true => Reason::Gone,
                        // Archived at its commit, and then its octets were lost here: only the
                        // archive has it now.
                        false => Reason::LostHere,
                    };
                    missing = Some((None, reason));
                }
                if let (false, Some((uid, reason))) = (present, missing) {
                    suspects.push((*key, uid, reason));
                }
            }
            if suspects.is_empty() {
                continue;
            }
            // The listing leaves out what is too old by the server's day: look before closing.
            suspects.retain(|(_, uid, _)| !uid.is_some_and(|uid| post.is_stuck(uid)));
            let uids: Vec<Uid> = suspects.iter().filter_map(|(_, uid, _)| *uid).collect();
            let looked;
            (session, looked) = post.look(session, &uids).await?;
            let mut acts = Vec::new();
            for (key, uid, missing) in suspects {
                if uid.is_some_and(|uid| looked.denied.contains(&uid)) {
                    // There, and the server can't tell whether it was read.
                    continue;
                }
                let item = uid.and_then(|uid| looked.items.iter().find(|i| i.uid == uid));
                let reason = match item {
                    Some(item) if !item.seen => continue,
                    Some(_) if mailbox.convert_read => continue,
                    Some(_) => Reason::ReadWhileHeld,
                    None => missing,
                };
                match reason {
                    Reason::LostHere => {
                        log::error!("{} closed: {reason}: {}", key.short(), reason.mend());
                        engine.lost_here.borrow_mut().insert(key);
                    }
                    _ => log::info!("{} closed: {reason}", key.short()),
                }
                acts.push((key, act(engine, ActKind::Close(reason), "server")));
            }
            engine.act(acts).await?;
        }
    }
    Ok(session)
}

/// Who wrote a held message.
enum Author {
    /// What the directory of now says of the sender, and by which of the operator's rules it is held.
    Told(Found, u64),
    /// The record that names the sender can't be read.
    Damaged {
        /// Where, and how.
        said: String,
    },
}

fn author(reader: &Reader, entry: &Entry, ignore_plus: bool) -> Result<Author, StoreFault> {
    let (sender, forged, by) = match entry.decision.map(|stored| reader.decision(stored)) {
        None => (String::new(), false, 0),
        Some(Ok(decision)) => (
            address_form(&decision.sender),
            decision.origin.may_be_forged(),
            decision.held_by,
        ),
        Some(Err(StoreFault::Torn { said } | StoreFault::Broken { said })) => {
            return Ok(Author::Damaged { said })
        }
        Some(Err(fault)) => return Err(fault),
    };
    let mut who = reader.view().find_address(&sender)?;
    if ignore_plus && matches!(who, Found::Nobody { .. }) {
        who = reader
            .view()
            .find_address(&Address::without_plus(&sender))?;
    }
    if let Found::Nobody { company } = &mut who {
        // A domain that does not stand behind the message says nothing: it would be fetched again and again.
        if forged || domain_form(&sender).is_none_or(|domain| is_public(&domain)) {
            *company = None;
        }
    }
    Ok(Author::Told(who, by))
}

/// Releases what would be decided otherwise by the directory and the settings of now, and wakes the
/// mailboxes that it lies in; so too what can't be told of, since its record is damaged: it lies unread at
/// its place. Closes what lies in a mailbox that is gone. Returns how many it released.
pub async fn reconsider(engine: &Rc<Engine>, by: &str) -> Result<u64, StoreFault> {
    let _turn = engine.looks.turn.lock().await;
    // Before anything is read: what is committed later knows that it may have been missed.
    engine.looks.begun.set(engine.looks.begun.get() + 1);
    let anew = engine.looks.anew.borrow().clone();
    let mut after = 0;
    let mut released = 0_u64;
    loop {
        let settings = engine.settings();
        let mailboxes = settings.mailboxes.iter().filter(|m| m.ignore_plus);
        let plus: BTreeSet<MailboxId> = mailboxes.map(|m| m.id).collect();
        let page = engine
            .reader
            .ask(move |r| {
                let page = r.list(Stage::Held, after, PAGE)?;
                let mut found = Vec::with_capacity(page.len());
                for Listed { key, entry } in page {
                    let who = author(r, &entry, plus.contains(&entry.mailbox))?;
                    found.push((key, entry, who));
                }
                Ok::<_, StoreFault>(found)
            })
            .await??;
        let Some((_, last, _)) = page.last() else {
            break;
        };
        after = last.sequence;
        let settings = engine.settings();
        let mut acts = Vec::new();
        let mut boxes = BTreeSet::new();
        for (key, entry, who) in page {
            let Some(mailbox) = settings.mailbox_by_id(entry.mailbox) else {
                let close = ActKind::Close(Reason::MailboxGone);
                acts.push((key, act(engine, close, by)));
                continue;
            };
            let otherwise = match (who, entry.reason) {
                (Author::Damaged { said }, _) => {
                    log::error!(
                        "{} is held, and its record is damaged ({said}): the message is fetched from its \
                         mailbox and decided anew",
                        key.short()
                    );
                    true
                }
                (Author::Told(who, _), Some(Reason::DirectoryNotRead)) => who != Found::NotRead,
                (Author::Told(..), Some(Reason::UnknownSender | Reason::AuthenticationFailed))
                    if anew.contains(&mailbox.id) =>
                {
                    true
                }
                (Author::Told(who, _), Some(Reason::UnknownSender)) => match who {
                    Found::User { .. } => true,
                    Found::Nobody { company: Some(_) }
                        if mailbox.company_by_domain == Domains::Known =>
                    {
                        true
                    }
                    _ => mailbox.process_unknown_senders,
                },
                (Author::Told(..), Some(Reason::AuthenticationFailed)) => {
                    mailbox.failed_dmarc == Unproven::Mark
                }
                // Also of rules that are gone since a start, or a change that was undone.
                (Author::Told(_, by), Some(Reason::HeldByRule)) => {
                    by != engine.ruleset(mailbox.id).digest()
                }
                (Author::Told(..), Some(Reason::ReceivedBefore)) => mailbox
                    .received_after
                    .is_none_or(|after| entry.received_at >= after.0),
                (Author::Told(..), _) => false,
            };
            if otherwise {
                released += 1;
                boxes.insert(entry.mailbox);
                acts.push((key, act(engine, ActKind::Release, by)));
            }
        }
        engine.act(acts).await?;
        for id in boxes {
            if let Some(post) = engine.posts.borrow().get(&id) {
                post.look_bell.ring();
            }
        }
    }
    engine
        .looks
        .anew
        .borrow_mut()
        .retain(|mailbox| !anew.contains(mailbox));
    if released > 0 {
        log::info!("{released} held messages are looked at again ({by})");
    }
    Ok(released)
}

/// Looks again where a batch that was just held was decided by what has changed meanwhile: by the
/// directory, of which `looks` looks had begun before it was asked, or by the mailbox's settings. The
/// look that followed the change did not find the batch held yet, and no other would come.
pub(super) async fn catch_up(
    engine: &Rc<Engine>,
    decided_by: &Mailbox,
    own: &Ruleset,
    looks: u64,
) -> Result<(), StoreFault> {
    let settings = engine.settings();
    let same = settings.mailbox_by_id(decided_by.id) == Some(decided_by);
    let same_rules = engine.ruleset(decided_by.id) == *own;
    if engine.looks.begun() != looks || !same || !same_rules {
        later_if_full(engine, reconsider(engine, "directory").await)?;
    }
    Ok(())
}

/// Where the disk had no room for `done`, a look or what goes before it, that is no fault of what was
/// done before: it is said, and made up for later.
pub(super) fn later_if_full<T>(
    engine: &Engine,
    done: Result<T, StoreFault>,
) -> Result<(), StoreFault> {
    match done {
        Err(StoreFault::Full { said }) => {
            log::error!("{said}; {OWED}");
            engine.looks.owe();
            engine.directory.bell.ring();
            Ok(())
        }
        done => done.map(|_| ()),
    }
}

/// Makes up for what the disk had no room for.
pub(super) async fn make_up_for(engine: &Rc<Engine>) -> Result<(), StoreFault> {
    // Before: what has no room meanwhile is owed anew.
    engine.looks.owed.set(false);
    departed::give_up(engine).await?;
    reconsider(engine, "directory").await?;
    Ok(())
}

/// An act's record.
pub fn act(engine: &Engine, what: ActKind, by: &str) -> Record {
    Record::Act(Act {
        what,
        by: by.to_owned(),
        at: engine.world.clock.wall().0,
    })
}

impl Engine {
    /// The next page of a stage's list behind `after`, which moves on; none at the end.
    pub(crate) async fn page(
        &self,
        stage: Stage,
        after: &mut u64,
    ) -> Result<Option<Vec<Listed>>, StoreFault> {
        let behind = *after;
        let page = self.reader.ask(move |r| r.list(stage, behind, PAGE));
        let page = page.await??;
        let last = page.last().map(|l| l.entry.sequence);
        *after = last.unwrap_or(behind);
        Ok(last.map(|_| page))
    }

    /// Makes acts durable and lets the engine learn them.
    pub async fn act(self: &Rc<Self>, acts: Vec<(Key, Record)>) -> Result<(), StoreFault> {
        match acts.is_empty() {
            true => Ok(()),
            false => self.commit(Vec::new(), acts).await,
        }
    }
}

#[cfg(test)]
mod tests;
