//! What was looked at is fetched: small messages many to a command, large ones by slices.

use std::rc::Rc;

use async_channel::Sender;

use super::super::understand::{Batch, Fetched, Octets};
use super::super::{early, large, StoreFault};
use super::{place, End, Visit};
use crate::mailbox::{Answer, Fault, Item, Refusal, Session};
use crate::passage::{Origin, Uid, UidValidity};

/// Messages up to this size are fetched many to a command and held whole; larger ones go by slices
/// into a segment of their own, which costs two syncs more.
const SMALL_MAX: u64 = 512 * 1024;
/// How much larger than announced a message may be and still come with one command.
const SMALL_SLACK: u64 = 64 * 1024;
/// Messages of one batch at most.
const BATCH_MESSAGES: usize = 128;
/// What the messages of one batch may weigh together (one message may exceed it).
const BATCH_WEIGHT: u64 = 1280 * 1024;
/// Batches in a row of which the server shows nothing, after which it is left alone.
const GROUPS_MAX: u32 = 3;
const FETCHING: &str = "fetching messages";

/// What a message takes in memory on its way: text exists as octets, as meaning and as a ticket,
/// attachments as octets alone. How much is text isn't known before; most have little of it.
fn weight_of(octets: u64) -> u64 {
    octets.saturating_add(3 * octets.min(16 * 1024))
}

impl Visit<'_> {
    /// Fetches what was looked at, batch by batch, and hands it on.
    pub(super) async fn fetch(
        &self,
        mut session: Session,
        items: &[Item],
        origin: Origin,
        validity: UidValidity,
        done: &Sender<()>,
    ) -> Result<Session, End> {
        let mut rest = items;
        let mut refused = 0;
        while let Some(first) = rest.first() {
            session = self.wait_for_room(session, validity).await?;
            session = self.lend(session, validity).await?;
            if first.size > SMALL_MAX {
                rest = &rest[1..];
                session = self
                    .fetch_large(session, first, origin, validity, done)
                    .await?;
                continue;
            }
            let mut weight = 0;
            let alone = self.post.is_suspect(first.uid);
            let count = rest
                .iter()
                .take(if alone { 1 } else { BATCH_MESSAGES })
                .take_while(|i| {
                    // Some servers tell no size: that is the largest.
                    weight = weight_of(i.size).saturating_add(weight);
                    i.size <= SMALL_MAX && weight <= BATCH_WEIGHT
                })
                .count()
                .max(1);
            let (group, later) = rest.split_at(count);
            rest = later;
            let shown;
            (session, shown) = self
                .fetch_small(session, group, origin, validity, done)
                .await?;
            refused = if shown { 0 } else { refused + 1 };
            if refused >= GROUPS_MAX {
                self.post.finds_out();
                // Not these messages, the command itself.
                return Err(Fault::Refused {
                    doing: FETCHING.to_owned(),
                    why: Refusal::Command {
                        status: Answer::No,
                        code: None,
                        said: self.post.failed.borrow().said().to_owned(),
                    },
                }
                .into());
            }
        }
        Ok(session)
    }

    /// Whether anything was shown, of a batch that is more than what failed before.
    async fn fetch_small(
        &self,
        session: Session,
        group: &[Item],
        origin: Origin,
        validity: UidValidity,
        done: &Sender<()>,
    ) -> Result<(Session, bool), End> {
        let announced: Vec<(Uid, u64)> = group.iter().map(|i| (i.uid, i.size)).collect();
        let uids: Vec<Uid> = announced.iter().map(|(uid, _)| *uid).collect();
        let fetched = session.fetch(&announced, SMALL_MAX + SMALL_SLACK).await;
        let (mut session, fetched) = match fetched {
            Ok(fetched) => fetched,
            Err(fault) => {
                match uids.len() {
                    1 => {
                        self.failed(&uids, &fault.to_string());
                        self.post.finds_out();
                    }
                    _ => self.post.suspect(&uids),
                }
                return Err(fault.into());
            }
        };
        let is_new = {
            let failed = self.post.failed.borrow();
            !failed.is_full() && uids.iter().any(|uid| !failed.has(*uid))
        };
        let shown = fetched.withheld.len() < uids.len() || uids.len() == 1 || !is_new;
        if !fetched.withheld.is_empty() {
            self.withheld(FETCHING, fetched.withheld, fetched.said);
        }
        let mut messages = Vec::with_capacity(fetched.messages.len());
        for (uid, octets) in fetched.messages {
            self.post.clear(uid);
            if let Some(item) = group.iter().find(|i| i.uid == uid) {
                messages.push(Fetched {
                    place: place(origin, validity, uid),
                    received_at: item.received_at.0,
                    size: item.size,
                    wanted: self.post.is_wanted(item),
                    octets: Octets::Inline(octets),
                });
            }
        }
        session = early::move_now(self.engine, self.mailbox, session, &uids).await?;
        self.hand_on(messages, done).await;
        Ok((session, shown))
    }

    async fn fetch_large(
        &self,
        session: Session,
        item: &Item,
        origin: Origin,
        validity: UidValidity,
        done: &Sender<()>,
    ) -> Result<Session, End> {
        let identity = self.mailbox.key_identity().unwrap_or_default();
        let fetched = large::fetch(self.engine, session, item, &identity).await;
        let (mut session, octets) = match fetched {
            Ok(fetched) => fetched,
            Err(large::Failed::Mailbox(fault)) => {
                self.failed(&[item.uid], &fault.to_string());
                self.post.finds_out();
                return Err(fault.into());
            }
            Err(large::Failed::Store(StoreFault::Full { said })) => {
                // The message stays unread where it is; the slices written so far are gone.
                *self.engine.full.borrow_mut() = Some(said.clone());
                return Err(End::Store(StoreFault::Full { said }));
            }
            Err(large::Failed::Store(fault)) => return Err(fault.into()),
        };
        self.post.clear(item.uid);
        if let Some(octets) = octets {
            let message = Fetched {
                place: place(origin, validity, item.uid),
                received_at: item.received_at.0,
                size: item.size,
                wanted: self.post.is_wanted(item),
                octets,
            };
            session = early::move_now(self.engine, self.mailbox, session, &[item.uid]).await?;
            self.hand_on(vec![message], done).await;
        }
        Ok(session)
    }

    /// Counts that the server has these and does not show them.
    pub(super) fn withheld(&self, doing: &str, uids: Vec<Uid>, said: String) {
        let fault = Fault::withheld(doing, uids.clone(), said);
        self.failed(&uids, &fault.to_string());
    }

    /// Counts that these could not be fetched.
    fn failed(&self, uids: &[Uid], said: &str) {
        let now = self.engine.world.clock.tick();
        self.post.failed.borrow_mut().add(uids, said, now);
    }

    async fn hand_on(&self, messages: Vec<Fetched>, done: &Sender<()>) {
        let batch = Batch {
            mailbox: Rc::clone(self.mailbox),
            messages,
            done: Some(done.clone()),
        };
        // The queue is closed only when the engine ends, and this task with it.
        let _ = self.batches.send(batch).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes red where a size that the server does not tell ends the task.
    #[test]
    fn a_size_that_is_not_told_is_the_largest_weight() {
        assert_eq!(weight_of(u64::MAX), u64::MAX);
        assert_eq!(weight_of(1024), 4096);
    }
}
