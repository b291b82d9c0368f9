//! Messages to the archive folder, in batches, once they have their receipt or their reason.
//!
//! Uses a session of its own, opened when there is something to move and closed when there was
//! nothing for a while. A batch is what has gathered: the server's work for one MOVE grows with the
//! mailbox, so few large ones are far cheaper than many small ones. A crash between the move and
//! its record costs nothing: the next attempt finds the message gone from its place.

use std::rc::Rc;
use std::time::Duration;

use super::news::Event;
use super::post::Post;
use super::{account, fetch, Engine, StoreFault};
use crate::index::Listed;
use crate::mailbox::{Access, Count, Fault, Folder, How, Session};
use crate::passage::record::Archived;
use crate::passage::retry::Backoff;
use crate::passage::{Place, Record, Uid, UidValidity};
use crate::settings::Mailbox;
use crate::ticket::Key;

/// Messages of one MOVE at most.
const BATCH: usize = 500;
/// Fewer than this are given a moment to become more, while messages are coming in.
const WORTH: u64 = 200;
const GATHER: Duration = Duration::from_millis(200);
/// How long an idle session is kept.
const KEEP: Duration = Duration::from_secs(20);

const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    most: Duration::from_secs(900),
};

/// Why archiving stopped for now.
enum End {
    Mailbox(Fault),
    Settings(String),
    Store(StoreFault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        End::Mailbox(fault)
    }
}

impl From<StoreFault> for End {
    fn from(fault: StoreFault) -> Self {
        End::Store(fault)
    }
}

/// An open session with its folder and archive.
struct Open {
    session: Session,
    validity: UidValidity,
    folder: Folder,
    how: How,
}

/// The task; it ends only with the mailbox or the store.
pub async fn run(engine: Rc<Engine>, mailbox: Rc<Mailbox>, post: Rc<Post>) {
    let mut open = None;
    let mut failures = 0;
    loop {
        match drain(&engine, &mailbox, &post, &mut open).await {
            Ok(()) => {
                failures = 0;
                post.archive_trouble.replace(None);
                if open.is_some() {
                    let more = engine.world.clock.within(KEEP, post.archive_bell.wait());
                    if more.await.is_some() {
                        continue;
                    }
                }
                if let Some(Open { session, .. }) = open.take() {
                    session.logout().await;
                }
                post.archive_bell.wait().await;
            }
            Err(End::Mailbox(Fault::Moved { .. })) => open = None,
            Err(end) => {
                open = None;
                failures += 1;
                let jitter = u64::from_le_bytes(engine.world.entropy.octets());
                let (said, wait) = match end {
                    End::Store(StoreFault::Full { said }) | End::Settings(said) => {
                        (said, BACKOFF.after(failures, jitter))
                    }
                    End::Store(fault) => {
                        engine.broke(fault);
                        return;
                    }
                    End::Mailbox(fault) => {
                        (fault.to_string(), fetch::wait_for(&fault, failures, jitter))
                    }
                };
                log::warn!("mailbox {}: archiving: {said}", mailbox.name);
                post.archive_trouble.replace(Some(said));
                engine.news.tell(&Event::Counted);
                // `retry` and a settings change cut it short.
                let hurry = post.retry_bell.wait();
                engine.world.clock.within(wait, hurry).await;
            }
        }
    }
}

/// Archives everything that waits.
async fn drain(
    engine: &Rc<Engine>,
    mailbox: &Rc<Mailbox>,
    post: &Rc<Post>,
    open: &mut Option<Open>,
) -> Result<(), End> {
    let id = mailbox.id.0;
    let mut after = 0;
    let mut said = None;
    let mut any = false;
    loop {
        let few = engine.counters.borrow().to_archive < WORTH;
        if few && post.is_fetching() {
            engine.world.clock.sleep(GATHER).await;
        }
        let page = engine
            .reader
            .ask(move |r| r.to_archive(id, after, BATCH))
            .await
            .map_err(StoreFault::from)??;
        let Some(last) = page.last() else {
            if any {
                *open = count(engine, post, open.take()).await;
            }
            return match said {
                None => Ok(()),
                Some(said) => Err(End::Settings(said)),
            };
        };
        let reached = last.entry.sequence;
        let now = match open.take() {
            Some(now) => now,
            None => open_session(engine, mailbox).await?,
        };
        let (now, left) = archive(engine, mailbox, now, &page).await?;
        any = true;
        *open = Some(now);
        if let Some(words) = left {
            // What the server would not move waits for the next attempt; the others go on.
            after = reached;
            said = Some(words);
        }
    }
}

/// Counts what is still unread, where that costs next to nothing: what was just moved would stand in
/// the watcher's figure until its next look. Trouble with it is no trouble with archiving, which
/// simply dials again.
async fn count(engine: &Rc<Engine>, post: &Post, open: Option<Open>) -> Option<Open> {
    let open = open?;
    if !open.session.is_small() {
        return Some(open);
    }
    match open.session.count(Count::Unread).await {
        Ok((session, unread)) => {
            let at = engine.world.clock.wall();
            post.unread.set(Some((unread, at)));
            Some(Open { session, ..open })
        }
        Err(fault) => {
            log::debug!("counting what is unread: {fault}");
            None
        }
    }
}

async fn open_session(engine: &Rc<Engine>, mailbox: &Mailbox) -> Result<Open, End> {
    let account = account::account(engine, mailbox, None).map_err(End::Settings)?;
    let wanted =
        account::archive_wanted(mailbox, engine.world.clock.wall()).map_err(End::Settings)?;
    let session = Session::connect(&engine.world, &account).await?;
    let how = match (session.abilities().moves, mailbox.archive_by_copy) {
        (true, _) => How::Move,
        (false, true) => How::Copy,
        (false, false) => return Err(End::Settings(
            "the server can't MOVE (RFC 6851); turn on archive_by_copy if copying and removing \
                 instead is acceptable"
                .to_owned(),
        )),
    };
    let (session, opened) = session.open(&mailbox.folder, Access::Watch).await?;
    let (session, folder) = session.archive_folder(&wanted, true).await?;
    let folder = folder.ok_or_else(|| {
        End::Settings("the archive folder is absent and could not be created".to_owned())
    })?;
    if folder.created {
        log::info!("mailbox {}: made the folder {}", mailbox.name, folder.name);
    }
    Ok(Open {
        session,
        validity: opened.uid_validity,
        folder,
        how,
    })
}

/// Archives one page; returns the server's words where something was left.
async fn archive(
    engine: &Rc<Engine>,
    mailbox: &Mailbox,
    open: Open,
    page: &[Listed],
) -> Result<(Open, Option<String>), End> {
    let origin = account::origin(mailbox);
    let mut here: Vec<(Uid, Key, Place)> = Vec::new();
    let mut records = Vec::new();
    for Listed { key, entry } in page {
        for spot in entry.spots.iter().filter(|s| s.mailbox == mailbox.id) {
            match spot.place {
                Place::Imap {
                    origin: at,
                    uid_validity,
                    uid,
                } if at == origin && uid_validity == open.validity => {
                    here.push((uid, *key, spot.place.clone()));
                }
                // A place of another account or folder, or of an earlier life of the numbers, can't
                // be reached any more. Where the message is found under a new number it is archived
                // from that.
                _ => {
                    log::warn!(
                        "{}: its place ({}) is not in the watched folder of {} any more; it is left there, its ticket exists",
                        key.short(),
                        described(&spot.place),
                        mailbox.name
                    );
                    records.push((*key, moved(spot.place.clone(), String::new(), None)));
                }
            }
        }
    }
    here.sort_by_key(|(uid, ..)| *uid);
    let Open {
        session,
        validity,
        folder,
        how,
    } = open;
    let uids: Vec<Uid> = here.iter().map(|(uid, ..)| *uid).collect();
    let (session, archived) = match uids.is_empty() {
        true => (session, crate::mailbox::Archived::default()),
        false => session.archive(&uids, &folder, how).await?,
    };
    for (uid, key, place) in here {
        if archived.left.contains(&uid) {
            continue;
        }
        let to = archived
            .moved
            .binary_search_by_key(&uid, |(from, _)| *from)
            .ok()
            .and_then(|at| archived.moved.get(at))
            .zip(archived.uid_validity)
            .map(|((_, to), validity)| (validity.0, to.0));
        engine.news.tell(&Event::Archived {
            key,
            folder: folder.name.clone(),
        });
        records.push((key, moved(place, folder.name.clone(), to)));
    }
    // A second box, or a person, may have taken any of them first: that is archived too.
    let count = records.len();
    records.extend(engine.receipts.take());
    let committed = engine
        .writer
        .ask(move |w| w.commit(Vec::new(), records))
        .await
        .map_err(StoreFault::from)??;
    engine.learned(&committed);
    log::debug!("mailbox {}: {count} archived", mailbox.name);
    let left = (!archived.left.is_empty()).then(|| {
        format!(
            "the server did not move {} messages: {}",
            archived.left.len(),
            archived.said.unwrap_or_default()
        )
    });
    Ok((
        Open {
            session,
            validity,
            folder,
            how,
        },
        left,
    ))
}

fn moved(place: Place, folder: String, moved_to: Option<(u32, u32)>) -> Record {
    Record::Archived(Archived {
        place,
        folder,
        moved_to,
    })
}

fn described(place: &Place) -> String {
    match place {
        Place::Imap {
            uid_validity, uid, ..
        } => format!("UID {uid}, UIDVALIDITY {uid_validity}"),
        Place::Item { id, .. } => id.clone(),
    }
}
