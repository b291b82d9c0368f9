//! Moving batches to the archive (RFC 6851), or copying where MOVE is missing (RFC 4315).
//!
//! One pipeline for a batch. What the server doesn't account for by COPYUID is looked for; a batch
//! that it denies is halved until the messages it denies are found, so that one never keeps the
//! others. There is no bare EXPUNGE in here: it removes what others marked.

use std::collections::BTreeSet;

use async_imap::imap_proto::Response;

use super::folders::quote;
use super::rights::REMOVE;
use super::set::{self, Copied};
use super::verdict::{self, Code, Denial};
use super::Imap;
use crate::mailbox::{Archived, Copies, Fault, Folder, How, Refusal};
use crate::passage::Uid;

/// Messages moved with one command.
const MANY: usize = 500;
/// Single messages denied in a row, none moved, after which only the newest is tried still: where that is
/// denied too, the folder may be to blame, and the others are not tried now.
const DENIED_MAX: usize = 8;
const DOING: &str = "archiving messages";
/// What is said of messages that a server copied without a word of which.
const NO_COPYUID: &str =
    "it copies and does not say what (no COPYUID, RFC 4315), so nothing is removed; \
     archive_by_copy does not work with this server";
const BEFORE: &str = "copied before, and not removed; another copy is made once somebody says so: \
     `postern queue retry --all`";
const UNHEARD: &str = "it may have been copied before, since the answer never came; it is tried again \
                       within the hour, or now by `postern queue retry --all`, and may then lie twice in the \
                       archive";
const STAYS: &str = "it says OK, and leaves them where they are";

/// What is done with one batch.
enum Outcome {
    Done,
    Denied(Denial),
    /// Copied, and then not removed: once more would be one copy more.
    Stuck(Denial),
}

impl Imap {
    pub(in crate::mailbox) async fn archive(
        &mut self,
        uids: &[Uid],
        folder: &Folder,
        how: &How,
    ) -> Result<Archived, Fault> {
        let able = match how {
            How::Move if !self.abilities.moves => Err("MOVE"),
            How::Copy(_) if !self.abilities.uidplus => Err("UIDPLUS"),
            _ => Ok(()),
        };
        if let Err(ability) = able {
            return Err(Fault::Refused {
                doing: DOING.to_owned(),
                why: Refusal::Lacking { ability },
            });
        }
        let mut archived = Archived::default();
        let mut wanted = uids.to_vec();
        let copies = match how {
            How::Move => None,
            How::Copy(copies) => Some(copies),
        };
        if let Some(copies) = copies {
            self.may_remove().await?;
            // This session must know of each before it copies: see below.
            wanted = self.still_there(DOING, uids).await?;
            archived.left = wanted.extract_if(.., |uid| copies.has(*uid)).collect();
            if !archived.left.is_empty() {
                let known = archived.left.iter().any(|uid| copies.is_stuck(*uid));
                archived.said = Some(if known { BEFORE } else { UNHEARD }.to_owned());
            }
        }
        let mut made = false;
        let mut denied = 0;
        let mut newest_tried = false;
        // Not every server tells what it moved: what has gone from the folder counts as well.
        let mut any_went = false;
        let mut twice = BTreeSet::new();
        // A stack, the oldest on top.
        let mut batches: Vec<Vec<Uid>> = set::sets(&wanted, MANY)
            .into_iter()
            .rev()
            .map(|(_, members)| members)
            .collect();
        while let Some(batch) = batches.pop() {
            let mut copied = Copied::default();
            let outcome = match copies {
                None => self.move_batch(&batch, folder, &mut copied).await?,
                Some(copies) => self.copy_batch(&batch, folder, &mut copied, copies).await?,
            };
            if !copied.pairs.is_empty() {
                archived.uid_validity = copied.uid_validity;
            }
            let known: BTreeSet<Uid> = copied.pairs.iter().map(|(from, _)| *from).collect();
            let open: Vec<Uid> = batch
                .iter()
                .copied()
                .filter(|uid| !known.contains(uid) || copies.is_some())
                .collect();
            archived.moved.append(&mut copied.pairs);
            let mut left = if open.is_empty() {
                Vec::new()
            } else {
                self.present(DOING, &open).await?
            };
            if !known.is_empty() || left.len() < open.len() {
                (any_went, denied) = (true, 0);
            }
            if let Some(copies) = copies {
                copies.settles(&batch);
                // A denied COPY has copied nothing (RFC 3501, section 6.4.7).
                if !matches!(outcome, Outcome::Denied(_)) {
                    copies.sticks(&left);
                }
            }
            let denial = match outcome {
                Outcome::Done => {
                    // A session that is older than a message may not have been told of it yet
                    // (RFC 3501 §7.3.1): Dovecot then moves nothing of it and says OK. It has been
                    // told by the look above, so once more. Never what may have been copied.
                    let again = |uid: &Uid| !known.contains(uid) && twice.insert(*uid);
                    let (again, stays): (Vec<Uid>, Vec<Uid>) = match copies {
                        None => left.into_iter().partition(again),
                        Some(_) => (Vec::new(), left),
                    };
                    if !stays.is_empty() {
                        let said = match (copies, copied.uid_validity) {
                            (Some(_), None) => NO_COPYUID,
                            _ => STAYS,
                        };
                        archived.said.get_or_insert_with(|| said.to_owned());
                    }
                    archived.left.extend(stays);
                    if !again.is_empty() {
                        batches.push(again);
                    }
                    continue;
                }
                Outcome::Stuck(denial) => {
                    archived.left.append(&mut left);
                    archived.said.get_or_insert(denial.said);
                    continue;
                }
                Outcome::Denied(denial) => denial,
            };
            match denial.code {
                Code::TryCreate | Code::NonExistent if !made => {
                    made = true;
                    self.make(&folder.name).await?;
                    batches.push(left);
                }
                // The folder's or the server's trouble, the same for each message.
                code if code == Code::NoPerm || !verdict::may_be_one_message(code) => {
                    return Err(verdict::command(DOING, denial))
                }
                _ if left.len() > 1 => {
                    let behind = left.split_off(left.len() / 2);
                    batches.push(behind);
                    batches.push(left);
                }
                _ => {
                    denied += left.len();
                    archived.left.append(&mut left);
                    archived.said.get_or_insert(denial.said);
                    if denied >= DENIED_MAX && !any_went {
                        let newest = batches.first_mut().and_then(Vec::pop);
                        match newest.filter(|_| !newest_tried) {
                            Some(newest) => batches.push(vec![newest]),
                            None => {
                                archived.untried.extend(newest);
                                archived.untried.extend(batches.drain(..).flatten());
                            }
                        }
                        newest_tried = true;
                    }
                }
            }
        }
        archived.left.sort_unstable();
        archived.untried.sort_unstable();
        archived.moved.sort_unstable();
        Ok(archived)
    }

    /// Refused where what would be copied could not be removed: each attempt would leave one copy more.
    async fn may_remove(&mut self) -> Result<(), Fault> {
        let Some(watched) = self.state.opened.clone() else {
            return Ok(());
        };
        if self.state.read_only {
            return Err(Fault::Refused {
                doing: DOING.to_owned(),
                why: Refusal::ReadOnly { folder: watched },
            });
        }
        self.may(DOING, &watched, REMOVE).await
    }

    /// `\Seen` first, in the same write: a message that is moved unread would be news in the
    /// archive, and one that is read but not moved is known here by its place.
    async fn move_batch(
        &mut self,
        batch: &[Uid],
        folder: &Folder,
        copied: &mut Copied,
    ) -> Result<Outcome, Fault> {
        let Some((set, _)) = set::sets(batch, usize::MAX).into_iter().next() else {
            return Ok(Outcome::Done);
        };
        let commands = [
            format!("UID STORE {set} +FLAGS.SILENT (\\Seen)"),
            format!("UID MOVE {set} {}", quote(&folder.name)),
        ];
        self.copying(&commands, batch, copied).await
    }

    /// Copies first, and marks deleted only what the server says it copied just now.
    async fn copy_batch(
        &mut self,
        batch: &[Uid],
        folder: &Folder,
        copied: &mut Copied,
        copies: &Copies,
    ) -> Result<Outcome, Fault> {
        let Some((set, _)) = set::sets(batch, usize::MAX).into_iter().next() else {
            return Ok(Outcome::Done);
        };
        let commands = [
            format!("UID STORE {set} +FLAGS.SILENT (\\Seen)"),
            format!("UID COPY {set} {}", quote(&folder.name)),
        ];
        // Before it is asked for: the answer may never come.
        copies.asks(batch);
        let outcome = self.copying(&commands, batch, copied).await?;
        if !matches!(outcome, Outcome::Done) {
            return Ok(outcome);
        }
        let sources: Vec<Uid> = copied.pairs.iter().map(|(from, _)| *from).collect();
        for (set, _) in set::sets(&sources, MANY) {
            // Waited for: what could not be marked must not be taken for removed.
            let marked = self
                .ask(
                    DOING,
                    &format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"),
                    |_| {},
                )
                .await?;
            if let Err(denial) = marked {
                return Ok(Outcome::Stuck(denial));
            }
            let expunged = self
                .ask(DOING, &format!("UID EXPUNGE {set}"), |_| {})
                .await?;
            if let Err(denial) = expunged {
                return Ok(Outcome::Stuck(denial));
            }
        }
        Ok(Outcome::Done)
    }

    /// Runs a STORE and a MOVE or COPY; COPYUID may come with the tagged answer or before it
    /// (RFC 6851 §4.3).
    async fn copying(
        &mut self,
        commands: &[String],
        batch: &[Uid],
        copied: &mut Copied,
    ) -> Result<Outcome, Fault> {
        let dones = self
            .ask_all(DOING, commands, |answer| {
                let outcome = match answer {
                    Response::Data { outcome, .. } | Response::Done { outcome, .. } => outcome,
                    _ => return,
                };
                let found = outcome
                    .code
                    .as_ref()
                    .and_then(|code| set::copied(code, batch.len()));
                if let Some(found) = found {
                    copied.uid_validity = found.uid_validity;
                    let ours = found.pairs.into_iter();
                    copied
                        .pairs
                        .extend(ours.filter(|(from, _)| batch.binary_search(from).is_ok()));
                }
            })
            .await?;
        // A denied STORE alone is no reason to leave a message where it is.
        let last = dones.into_iter().next_back().unwrap_or(Ok(()));
        Ok(match last {
            Ok(()) => Outcome::Done,
            Err(denial) => Outcome::Denied(denial),
        })
    }
}
