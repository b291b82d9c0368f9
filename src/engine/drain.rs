//! When a run with an end has nothing left to do, or nothing that it can do.
//!
//! One look is enough, since no message is ever between two stages unseen: a mailbox watches only
//! once everything that its whole pass found is durable; the counters change in the same step in
//! which the next stage is told, and never back to those of an earlier sync; what is held for want
//! of the directory is released before the directory counts as read.

use std::rc::Rc;
use std::time::Duration;

use super::forward::Standing as LinkStanding;
use super::post::Standing;
use super::Engine;
use crate::passage::Stage;

/// Trouble that lasts this long ends a run that was to end.
const GIVE_UP: Duration = Duration::from_secs(20);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(10);

/// How a run with an end ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Everything that was found is forwarded and archived, or held with a reason.
    pub clean: bool,
    /// What is left and why, a sentence each.
    pub left: Vec<String>,
}

/// Waits until nothing is left to do.
pub async fn wait(engine: &Rc<Engine>) -> Drained {
    let clock = &engine.world.clock;
    let mut trouble_since = None;
    loop {
        let now = clock.tick();
        if let Some(left) = idle(engine) {
            if left.is_empty() {
                return Drained { clean: true, left };
            }
            let since = *trouble_since.get_or_insert(now);
            if now.since(since) >= GIVE_UP {
                return Drained { clean: false, left };
            }
        } else {
            trouble_since = None;
        }
        clock.sleep(LOOK).await;
    }
}

/// Whether nothing goes on: what is in the way then, nothing if all is done. `None` while there is
/// something to wait for.
fn idle(engine: &Engine) -> Option<Vec<String>> {
    let settings = engine.settings();
    let counters = engine.counters.borrow();
    let mut left = Vec::new();
    for mailbox in &settings.mailboxes {
        let post = engine.posts.borrow().get(&mailbox.id).cloned()?;
        match post.standing() {
            _ if !mailbox.active => {}
            // Rung: a whole pass is about to begin.
            Standing::Watching if post.look_bell.is_rung() => return None,
            Standing::Watching => {}
            Standing::Trouble { said, .. } => {
                left.push(format!("mailbox {}: {said}", mailbox.name))
            }
            Standing::NoRoom(said) => left.push(format!("mailbox {}: {said}", mailbox.name)),
            Standing::Off | Standing::Connecting | Standing::Fetching => return None,
        }
        let failed = post.failed.borrow();
        if failed.tries_at_once() && post.standing() == Standing::Watching {
            return None;
        }
        if let Some((uids, said)) = failed.left_out().filter(|_| mailbox.active) {
            left.push(format!(
                "mailbox {}: {} messages could not be fetched: {said}",
                mailbox.name,
                uids.len()
            ));
        }
        // Also where nothing is fetched any more: what came from there still lies there.
        let archive_trouble = post.archive_trouble.borrow();
        if let Some(said) = &*archive_trouble {
            left.push(format!("mailbox {}: archiving: {said}", mailbox.name));
        } else if post.archives() {
            return None;
        }
    }
    if engine.looks.is_owed() && engine.directory.trouble.borrow().is_none() {
        return None;
    }
    let released = counters.of(Stage::Released);
    let committed = counters.of(Stage::Committed);
    let waiting = engine.receipts.waiting() > 0;
    match engine.link.standing() {
        LinkStanding::Paused { said, .. } => left.push(format!("the portal: {said}")),
        LinkStanding::Unset if committed > 0 => {
            left.push("no portal is set: the tickets wait here".to_owned());
        }
        LinkStanding::Unset => {}
        LinkStanding::Fresh => return None,
        LinkStanding::Up => {
            // Held for want of the directory, they are released by themselves.
            if engine.directory.read_at.get().is_none()
                && engine.directory.trouble.borrow().is_none()
            {
                return None;
            }
            if engine.link.looks_back() {
                let trouble = engine.link.look_back_trouble.borrow();
                match &*trouble {
                    Some(said) => left.push(format!("the portal: {said}")),
                    None => return None,
                }
            }
            if committed > 0 || waiting {
                let now = engine.world.clock.tick();
                let settles = engine.link.window.borrow().settles(now);
                if !engine.link.is_idle(now) || settles || waiting {
                    return None;
                }
                left.push(format!("{committed} tickets wait for another attempt"));
            }
        }
    }
    if let Some(said) = &*engine.directory.trouble.borrow() {
        left.push(format!("the directory: {said}"));
    }
    // Whoever could fetch them has looked, since the bell that a release rings was heard.
    if released > 0 && left.is_empty() {
        left.push(format!(
            "{released} messages are to be fetched from mailboxes that are off"
        ));
    }
    left.extend(engine.only_archived());
    Some(left)
}
