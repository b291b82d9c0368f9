//! One page of what is to be archived: where its messages lie, and the one call that moves them.

use std::rc::Rc;

use async_channel::Receiver;

use super::super::news::Event;
use super::super::{account, Engine};
use crate::index::Listed;
use crate::mailbox::{Archived as Outcome, Fault, Folder, How, Session};
use crate::passage::record::Archived;
use crate::passage::{Place, Record, Uid, UidValidity};
use crate::settings::Mailbox;
use crate::ticket::Key;

/// What is archived with one call.
pub(super) struct Batch {
    pub(super) engine: Rc<Engine>,
    /// The mailbox's name.
    pub(super) mailbox: String,
    pub(super) here: Vec<Here>,
    /// Of those that can't be reached any more.
    pub(super) records: Vec<(Key, Record)>,
    /// Those of which the server does not say what they are, and its words.
    pub(super) untold: Vec<(Uid, Key)>,
    pub(super) said: String,
}

impl Batch {
    /// Archives it, and hands on what became of each.
    pub(super) async fn archive(
        self,
        session: Session,
        folder: &Folder,
        how: &How,
    ) -> Result<(Session, Done), Fault> {
        let mut records = self.records;
        let uids: Vec<Uid> = self.here.iter().map(|here| here.uid).collect();
        let (session, archived) = match uids.is_empty() {
            true => (session, Outcome::default()),
            false => session.archive(&uids, folder, how).await?,
        };
        let mut left: Vec<Key> = self.untold.iter().map(|(_, key)| *key).collect();
        let (mut untried, mut any_moved) = (Vec::new(), false);
        for here in self.here {
            let Here { uid, key, .. } = here;
            if archived.left.binary_search(&uid).is_ok() {
                left.push(key);
                continue;
            }
            if archived.untried.binary_search(&uid).is_ok() {
                untried.push(key);
                continue;
            }
            any_moved = true;
            let to = archived
                .moved
                .binary_search_by_key(&uid, |(from, _)| *from)
                .ok()
                .and_then(|at| archived.moved.get(at))
                .zip(archived.uid_validity)
                .map(|((_, to), validity)| (validity.0, to.0));
            let folder = folder.name.clone();
            self.engine.news.tell(&Event::Archived {
                key,
                folder: folder.clone(),
            });
            records.push((key, moved(here.place, folder, to)));
        }
        // A second box, or a person, may have taken any of them first: that is archived too.
        log::debug!("mailbox {}: {} archived", self.mailbox, records.len());
        let words = (!left.is_empty()).then(|| {
            let said = archived.said.unwrap_or(self.said);
            let beside = match untried.len() {
                0 => String::new(),
                others => format!(", and {others} more were not tried"),
            };
            format!(
                "the server did not move {} messages{beside}: {said}",
                left.len()
            )
        });
        let written = self.engine.receipts.push_all(records);
        Ok((
            session,
            Done {
                written,
                left,
                untried,
                any_moved,
                words,
            },
        ))
    }
}

/// What became of a page.
pub(super) struct Done {
    /// Closed when a sync holds what was archived.
    pub(super) written: Receiver<()>,
    /// What the server would not move.
    pub(super) left: Vec<Key>,
    /// What it was not asked to move, since it denied everything before.
    pub(super) untried: Vec<Key>,
    /// Whether anything went from its place.
    pub(super) any_moved: bool,
    /// Its words for that.
    pub(super) words: Option<String>,
}

/// A message in the open folder.
pub(super) struct Here {
    pub(super) uid: Uid,
    pub(super) key: Key,
    pub(super) place: Place,
    /// Received time and size, where it is to be made sure that this is still the message.
    pub(super) known_as: Option<(i64, u64)>,
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

/// The places of a page that are in the open folder, and the records for those that can't be
/// reached any more.
pub(super) fn places(
    engine: &Engine,
    mailbox: &Mailbox,
    page: &[Listed],
    validity: UidValidity,
    since: u64,
) -> (Vec<Here>, Vec<(Key, Record)>) {
    let origin = account::origin(mailbox);
    let mut here = Vec::new();
    let mut records = Vec::new();
    for Listed { key, entry } in page {
        // The one place of what was decided since is what was fetched from there.
        let fresh = entry.sequence > since && entry.spots.len() == 1 && !entry.archived;
        for spot in entry.spots.iter().filter(|s| s.mailbox == mailbox.id) {
            match spot.place.uid_in(origin, validity) {
                Some(uid) => here.push(Here {
                    uid,
                    key: *key,
                    place: spot.place.clone(),
                    known_as: (!fresh).then_some((spot.received_at, spot.octets)),
                }),
                // Where the message is found under a new number it is archived from that.
                None => {
                    log::warn!(
                            "{}: its place ({}) is not in the watched folder of {} any more; it is left there, its ticket exists",
                            key.short(),
                            described(&spot.place),
                            mailbox.name
                        );
                    engine.news.tell(&Event::LeftThere { key: *key });
                    records.push((*key, Archived::given_up(spot.place.clone())));
                }
            }
        }
    }
    (here, records)
}
