//! Beside the pass: the folder as it was opened, what is counted, and what lies read.

use std::collections::BTreeSet;

use super::{account, End, Visit};
use crate::mailbox::{Count, Item, Opened, Pass, Session};
use crate::passage::{Uid, UidValidity};
use crate::world::Wall;

/// Read messages beyond this many are counted and not listed.
const READ_MAX: u64 = 2_000;

impl Visit<'_> {
    /// Takes note of the folder as it was opened; gives back the life of its UIDs.
    pub(super) fn opened(&self, opened: &Opened) -> UidValidity {
        self.post.exists.set(u64::from(opened.exists));
        self.post.since.set(self.engine.link.last_sequence.get());
        let forgotten = self.post.opened(opened.uid_validity);
        if forgotten > 0 {
            log::warn!(
                "mailbox {}: its UIDs begin anew, and {forgotten} messages that were to be converted \
                 are not known by them any more: `postern held list` names what lies there now",
                self.mailbox.name
            );
        }
        opened.uid_validity
    }

    /// From when on messages are listed: from ever, where the server does not search by date. Then
    /// only the received time of each decides.
    pub(super) fn listed_after(&self) -> Option<Wall> {
        let dated = !self.post.undated.get();
        self.mailbox.received_after.filter(|_| dated)
    }

    pub(super) async fn count_unread(&self, session: Session) -> Result<Session, End> {
        let (session, unread) = session.count(Count::Unread).await?;
        let at = self.engine.world.clock.wall();
        self.post.unread.set(Some((unread, at)));
        Ok(session)
    }

    /// Counts what the date leaves out, of which a pass without dates has seen `old`.
    pub(super) async fn count_before(
        &self,
        mut session: Session,
        old: u64,
    ) -> Result<Session, End> {
        let mut before = old;
        if let Some(since) = self.listed_after() {
            (session, before) = session.count(Count::UnreadBefore(since)).await?;
        }
        self.post.before_date.set(before);
        Ok(session)
    }

    /// Lists what lies read and unprocessed, for the operator. What is known (held, then read, or on
    /// its way to the archive) is none of it, so the list is the count, unless it would be too long.
    pub(super) async fn list_read(
        &self,
        mut session: Session,
        validity: UidValidity,
        unread: &BTreeSet<Uid>,
    ) -> Result<Session, End> {
        let after = self.mailbox.received_after;
        let origin = account::origin(self.mailbox);
        let mut read = Vec::new();
        let count;
        (session, count) = session
            .count(self.listed_after().map_or(Count::Read, Count::ReadSince))
            .await?;
        let worth = (1..=READ_MAX).contains(&count);
        let mut pass = worth.then(|| Pass::whole(self.listed_after()).with_read());
        while let Some(now) = pass {
            let listed;
            (session, listed) = session.list(now).await?;
            pass = listed.pass;
            let mut uids = listed.uids;
            uids.retain(|uid| !unread.contains(uid) && !self.post.is_stuck(*uid));
            let (unknown, _) = self.sort(&uids, origin, validity).await?;
            let looked;
            (session, looked) = self.post.look(session, &unknown).await?;
            if !looked.denied.is_empty() {
                log::warn!(
                    "mailbox {}: {} read messages are not listed: {}",
                    self.mailbox.name,
                    looked.denied.len(),
                    looked.said
                );
            }
            let young = |i: &Item| after.is_none_or(|after| i.received_at >= after);
            read.extend(looked.items.into_iter().filter(|i| i.seen && young(i)));
        }
        // Both at once: whoever asks sees one truth.
        let listed = read.len() as u64;
        self.post
            .already_read
            .set(if count > READ_MAX { count } else { listed });
        self.post.read.replace(read);
        Ok(session)
    }
}
