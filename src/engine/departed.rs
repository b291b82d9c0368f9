//! Mailboxes that were taken out: nothing waits for their servers any more.
//!
//! What lies there stays as it is, unread, and is given up: what was to be archived counts as such
//! without a folder, what was to be fetched again is closed, as `held` closes what is held. A mailbox
//! that watches the same place later finds all of it anew, and knows by the keys what became a ticket.

use std::rc::Rc;

use super::{held, Engine, StoreFault};
use crate::index::Listed;
use crate::passage::record::{ActKind, Archived};
use crate::passage::{Entry, MailboxId, Record, Stage};
use crate::ticket::{Key, Reason};

/// Rows looked at at once.
const PAGE: usize = 256;

/// Gives up all that waits for a mailbox that is gone.
pub(super) async fn give_up(engine: &Rc<Engine>) -> Result<(), StoreFault> {
    let settings = engine.settings();
    let gone: Vec<u32> = (1..settings.next_mailbox)
        .filter(|id| is_gone(engine, MailboxId(*id)))
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    for id in gone {
        let mut after = 0;
        loop {
            let page = engine
                .reader
                .ask(move |r| r.to_archive(id, after, PAGE))
                .await??;
            let Some(last) = page.last() else { break };
            after = last.entry.sequence;
            let records = page
                .iter()
                .flat_map(|l| places(engine, l.key, &l.entry))
                .collect();
            engine.act(records).await?;
        }
    }
    let mut after = 0;
    while let Some(page) = engine.page(Stage::Released, &mut after).await? {
        let own = page.iter().filter(|l| is_gone(engine, l.entry.mailbox));
        let close = |l: &Listed| {
            let act = held::act(engine, ActKind::Close(Reason::MailboxGone), "settings");
            (l.key, act)
        };
        engine.act(own.map(close).collect()).await?;
    }
    Ok(())
}

/// Records that give up the places of a message that lie in mailboxes that are gone.
pub(super) fn places<'a>(
    engine: &'a Engine,
    key: Key,
    entry: &'a Entry,
) -> impl Iterator<Item = (Key, Record)> + 'a {
    let gone = entry.spots.iter().filter(|s| is_gone(engine, s.mailbox));
    gone.map(move |spot| (key, Archived::given_up(spot.place.clone())))
}

fn is_gone(engine: &Engine, mailbox: MailboxId) -> bool {
    engine.settings().mailbox_by_id(mailbox).is_none()
}
