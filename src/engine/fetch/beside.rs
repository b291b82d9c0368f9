//! Beside the pass: what is counted, what lies read, and looks at messages that the server may be
//! unable to read.
//!
//! A message over which a look lost its connection is remembered: it is left out here, and the pass
//! asks for it last and alone, so that it keeps no other.

use std::collections::BTreeSet;

use super::{account, End, Visit};
use crate::mailbox::{Count, Fault, Item, Looked, Opened, Pass, Refusal, Session};
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

    /// Looks at messages, and remembers where the connection was lost.
    pub(super) async fn look(
        &self,
        session: Session,
        uids: &[Uid],
    ) -> Result<(Session, Looked), End> {
        let looked = session.look(uids).await;
        looked.map_err(|unlooked| End::Mailbox(self.post.unlooked(unlooked)))
    }

    /// Looks at one message that may be why a connection was lost.
    pub(super) async fn look_alone(
        &self,
        session: Session,
        uid: Uid,
    ) -> Result<(Session, Looked), End> {
        session.look(&[uid]).await.map_err(|unlooked| {
            if unlooked.at.is_none() {
                return End::Mailbox(unlooked.fault);
            }
            let said = unlooked.to_string();
            self.post.tried(&[uid], &said);
            End::Mailbox(denied(vec![uid], said))
        })
    }

    /// Those of some fetched messages that are whole. What is shorter than announced was announced by a
    /// guess, or taken away while it was fetched: then who took it has all of it, and this is a piece.
    pub(super) async fn whole(
        &self,
        mut session: Session,
        mut fetched: Vec<(Uid, Vec<u8>)>,
        group: &[Item],
    ) -> Result<(Session, Vec<(Uid, Vec<u8>)>), End> {
        let announced = |uid| group.iter().find(|i| i.uid == uid).map_or(0, |i| i.size);
        let is_short = |(uid, octets): &(Uid, Vec<u8>)| (octets.len() as u64) < announced(*uid);
        let short: Vec<Uid> = fetched
            .iter()
            .filter(|message| is_short(message))
            .map(|(uid, _)| *uid)
            .collect();
        if short.is_empty() {
            return Ok((session, fetched));
        }
        let there;
        (session, there) = session.still_there(&short).await?;
        let of_nothing: Vec<Uid> = fetched
            .iter()
            .filter(|message| message.1.is_empty() && is_short(message))
            .map(|(uid, _)| *uid)
            .filter(|uid| there.contains(uid))
            .collect();
        if !of_nothing.is_empty() {
            let fault = Fault::left_out("fetching messages", of_nothing.clone());
            self.post.tried(&of_nothing, &fault.to_string());
            return Err(fault.into());
        }
        fetched.retain(|message| !is_short(message) || there.contains(&message.0));
        Ok((session, fetched))
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
            (session, looked) = self.look(session, &unknown).await?;
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

/// The fault of messages that the server does not give.
pub(super) fn denied(uids: Vec<Uid>, said: String) -> Fault {
    Fault::Refused {
        doing: "looking at messages".to_owned(),
        why: Refusal::Messages { uids, said },
    }
}
