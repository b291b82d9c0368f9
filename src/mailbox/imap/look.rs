//! Sizes, received times and flags (RFC 3501 §6.4.5).
//!
//! A server that can't read one message denies the whole command, or ends the session (Dovecot 2.3
//! does either, with a truncated file). What is denied is asked for again by halves, down to single
//! messages; a lost connection is told with the message at which it was lost.

use std::collections::{BTreeMap, BTreeSet};

use async_imap::imap_proto::{AttributeValue, Response};

use super::commands::is_seen;
use super::verdict::Denial;
use super::{date, set, verdict, Imap};
use crate::mailbox::{fault, Fault, Item, Looked, Unlooked};
use crate::passage::Uid;

/// Messages asked for with one command.
const MANY: usize = 1000;
/// So many messages denied alone, and none told of: it is the server, unless it tells at least the flags of
/// one, and it is left alone.
const DENIED_MAX: usize = 8;
/// So many messages denied alone in one look, and those that were denied only together with others are taken
/// for the same: they are looked at again like these, and a look comes to its end.
const ALONE_MAX: usize = 1000;
const DOING: &str = "asking for sizes and received times";

#[derive(Default)]
struct Found {
    size: Option<u64>,
    received_at: Option<crate::world::Wall>,
    seen: Option<bool>,
}

/// What was told so far, by UID.
type Told = BTreeMap<Uid, Found>;

impl Imap {
    pub(in crate::mailbox) async fn look(&mut self, uids: &[Uid]) -> Result<Looked, Unlooked> {
        let mut told = Told::new();
        self.state.flags_asked = true;
        let denied = self.look_at(uids, &mut told).await?;
        self.state.flags_asked = false;
        let (mut denied, mut said) = match denied {
            Some((denied, denial)) => (denied, denial.said),
            None => Default::default(),
        };
        // Left out under OK: gone meanwhile, most often.
        let mut left_out = untold(uids, &told);
        left_out.retain(|uid| !denied.contains(uid));
        let left_out = self.still_there(DOING, &left_out).await?;
        if !left_out.is_empty() {
            if denied.is_empty() {
                said = fault::LEFT_OUT.to_owned();
            }
            denied.extend(left_out);
            denied.sort_unstable();
        }
        let now = self.wire.clock().wall();
        let wanted: BTreeSet<Uid> = uids.iter().copied().collect();
        let items = told.into_iter().filter(|(uid, _)| wanted.contains(uid));
        Ok(Looked {
            items: items
                .filter_map(|(uid, found)| {
                    Some(Item {
                        uid,
                        size: found.size?,
                        received_at: found.received_at.unwrap_or(now),
                        dated: found.received_at.is_some(),
                        seen: found.seen.unwrap_or(false),
                    })
                })
                .collect(),
            denied,
            said,
        })
    }

    /// Asks for all of `uids`, then for what was denied by halves. Gives what was denied alone, with
    /// the server's words for the first.
    async fn look_at(
        &mut self,
        uids: &[Uid],
        told: &mut Told,
    ) -> Result<Option<(Vec<Uid>, Denial)>, Unlooked> {
        let mut denied: Vec<Uid> = Vec::new();
        let mut first: Option<Denial> = None;
        // The last half is asked for again first: the newest messages, most often whole.
        let mut halves = self.look_by(set::sets(uids, MANY), told).await?;
        let mut answers = halves.any;
        let mut open = halves.denied;
        while let Some((members, denial)) = open.pop() {
            if !verdict::may_be_one_message(denial.code) {
                return Err(verdict::command(DOING, denial).into());
            }
            let rest = untold(&members, told);
            if members.len() == 1 && !rest.is_empty() {
                denied.extend(rest);
                if !answers && denied.len() >= DENIED_MAX {
                    answers = self.answers_for(denied[0]).await?;
                    if !answers {
                        return Err(verdict::command(DOING, denial).into());
                    }
                }
                first.get_or_insert(denial);
                if denied.len() >= ALONE_MAX {
                    let others = open.drain(..).flat_map(|(members, _)| members);
                    denied.extend(untold(&others.collect::<Vec<_>>(), told));
                }
                continue;
            }
            let half = rest.len().div_ceil(2).max(1);
            let again = rest
                .chunks(half)
                .flat_map(|half| set::sets(half, half.len()))
                .collect();
            halves = self.look_by(again, told).await?;
            answers |= halves.any;
            open.extend(halves.denied);
        }
        let Some(denial) = first else {
            return Ok(None);
        };
        if !answers && !self.answers_for(denied[0]).await? {
            return Err(verdict::command(DOING, denial).into());
        }
        denied.sort_unstable();
        Ok(Some((denied, denial)))
    }

    /// Whether the server tells at least the flags of a message: then it is there for us, and the
    /// fault is the message's own. This is what judges a message that lies alone in its folder, and
    /// several that lie beside no good one.
    async fn answers_for(&mut self, uid: Uid) -> Result<bool, Unlooked> {
        let command = format!("UID FETCH {uid} (UID FLAGS)");
        Ok(self.ask(DOING, &command, |_| {}).await?.is_ok())
    }

    async fn look_by(
        &mut self,
        sets: Vec<(String, Vec<Uid>)>,
        told: &mut Told,
    ) -> Result<Answers, Unlooked> {
        let commands: Vec<String> = sets
            .iter()
            .map(|(set, _)| format!("UID FETCH {set} (UID RFC822.SIZE INTERNALDATE FLAGS)"))
            .collect();
        let dones = self
            .ask_all(DOING, &commands, |answer| note(told, answer))
            .await;
        let dones = dones.map_err(|fault| {
            let at = match fault {
                Fault::Lost { .. } | Fault::Broken { .. } => {
                    let mut asked = sets.iter().flat_map(|(_, members)| members);
                    asked
                        .find(|uid| told.get(uid).is_none_or(|f| f.size.is_none()))
                        .copied()
                }
                _ => None,
            };
            Unlooked { fault, at }
        })?;
        let mut answers = Answers::default();
        for (done, (_, members)) in dones.into_iter().zip(sets) {
            match done {
                Ok(()) => answers.any = true,
                Err(denial) => answers.denied.push((members, denial)),
            }
        }
        // Dovecot tells of what comes before the message that it denies all of them over.
        answers.any |= told.values().any(|found| found.size.is_some());
        Ok(answers)
    }

    /// Which of `uids` are in the folder at this moment. In the midst of FETCH a server keeps what others
    /// took away as if it were there, and may tell of it only elsewhere (RFC 3501, section 7.4.1).
    pub(in crate::mailbox) async fn still_there(
        &mut self,
        doing: &str,
        uids: &[Uid],
    ) -> Result<Vec<Uid>, Fault> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        self.run(doing, "NOOP", |_| {}).await?;
        self.present(doing, uids).await
    }

    /// Which of `uids` are in the folder, as far as this session was told.
    pub(super) async fn present(&mut self, doing: &str, uids: &[Uid]) -> Result<Vec<Uid>, Fault> {
        let commands: Vec<String> = set::sets(uids, MANY)
            .iter()
            .map(|(set, _)| format!("UID FETCH {set} (UID FLAGS)"))
            .collect();
        let mut present = Vec::new();
        self.state.flags_asked = true;
        let dones = self
            .ask_all(doing, &commands, |answer| {
                if let Response::Fetch(_, values) = answer {
                    present.extend(uid_of(values));
                }
            })
            .await?;
        self.state.flags_asked = false;
        for done in dones {
            done.map_err(|denial| verdict::command(doing, denial))?;
        }
        let wanted: BTreeSet<Uid> = uids.iter().copied().collect();
        present.retain(|uid| wanted.contains(uid));
        present.sort_unstable();
        present.dedup();
        Ok(present)
    }
}

/// How some commands ended.
#[derive(Default)]
struct Answers {
    /// Whether one was not denied, or something was told before one was.
    any: bool,
    denied: Vec<(Vec<Uid>, Denial)>,
}

/// Takes in what an answer tells of a message.
fn note(told: &mut Told, answer: &Response<'_>) {
    let Response::Fetch(_, values) = answer else {
        return;
    };
    let Some(uid) = uid_of(values) else {
        return;
    };
    let entry = told.entry(uid).or_default();
    for value in values {
        match value {
            AttributeValue::Rfc822Size(n) => entry.size = Some(u64::from(*n)),
            AttributeValue::InternalDate(at) => {
                entry.received_at = date::parse(at);
                // Size and date come together; a size over 4 GiB is not parsed.
                entry.size.get_or_insert(u64::MAX);
            }
            AttributeValue::Flags(flags) => entry.seen = Some(is_seen(flags)),
            _ => {}
        }
    }
}

/// Those of `members` whose size was not told.
fn untold(members: &[Uid], told: &Told) -> Vec<Uid> {
    let is_untold = |uid: &&Uid| told.get(uid).is_none_or(|found| found.size.is_none());
    members.iter().filter(is_untold).copied().collect()
}

/// The UID among the values of a FETCH answer.
pub(super) fn uid_of(values: &[AttributeValue<'_>]) -> Option<Uid> {
    values.iter().find_map(|value| match value {
        AttributeValue::Uid(n) => Some(Uid(*n)),
        _ => None,
    })
}

/// What a FETCH answer has of `BODY[]`: the offset, where it is named, and the octets.
pub(super) struct Piece<'a> {
    pub(super) offset: Option<u32>,
    /// `None` for NIL, which is not the same as no octets: it is what Dovecot answers, under OK, of
    /// a message that somebody takes away just then.
    pub(super) octets: Option<&'a [u8]>,
}

/// The piece of `BODY[]` among the values of a FETCH answer.
pub(super) fn piece_of<'a>(values: &'a [AttributeValue<'_>]) -> Option<Piece<'a>> {
    values.iter().find_map(|value| match value {
        AttributeValue::BodySection {
            section: None,
            index,
            data,
        } => Some(Piece {
            offset: *index,
            octets: data.as_deref(),
        }),
        _ => None,
    })
}
