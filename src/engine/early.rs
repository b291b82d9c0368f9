//! Test-only: moves messages before they are durable, or does late what is to follow, where a test
//! flipped that switch. In the shipped binary this does nothing.

use std::rc::Rc;
use std::time::Duration;

use super::{account, Engine};
use crate::mailbox::{Fault, How, Session};
use crate::passage::Uid;
use crate::settings::Mailbox;
use crate::world::switches::{flipped, Switch};

/// What "durable before moved" forbids.
pub async fn move_now(
    engine: &Rc<Engine>,
    mailbox: &Mailbox,
    session: Session,
    uids: &[Uid],
) -> Result<Session, Fault> {
    if !flipped(Switch::MoveEarly) {
        return Ok(session);
    }
    let Ok(wanted) = account::archive_wanted(mailbox, engine.world.clock.wall()) else {
        return Ok(session);
    };
    let (session, folder) = session.archive_folder(&wanted, true).await?;
    match folder {
        Some(folder) => Ok(session.archive(uids, &folder, &How::Move).await?.0),
        None => Ok(session),
    }
}

/// Lets the directory's first reading overtake a batch that has looked its senders up.
pub async fn be_overtaken(engine: &Engine) {
    while flipped(Switch::LateCommit) && engine.directory.read_at.get().is_none() {
        engine.world.clock.sleep(Duration::from_millis(10)).await;
    }
}

/// Lets the next commit overtake a page of the queue that was asked for.
pub async fn read_late(engine: &Engine) {
    if flipped(Switch::LateAnswer) {
        engine.world.clock.sleep(Duration::from_millis(300)).await;
    }
}
