//! Fetching small messages, many to a command, and single slices of large ones.
//!
//! Whole messages are asked for as their first `limit` octets and one more: a server that announced
//! too small a size is told by it, and costs no connection.

use std::collections::BTreeMap;

use async_imap::imap_proto::Response;
use bytes::Bytes;

use super::look::{piece_of, uid_of};
use super::wire::Answer;
use super::{set, verdict, Imap};
use crate::mailbox::{fault, Brought, Fault};
use crate::passage::Uid;

/// Messages asked for with one command: more gain little, and cost memory on the server's side.
const MANY: usize = 50;
/// How far a message that is larger than announced is completed here; by slices of this size.
const SLICE: u32 = 256 * 1024;
const LARGER_MAX: usize = 8 * 1024 * 1024;
const DOING: &str = "fetching messages";
/// Octets up to which a message is copied out of its answer, which takes more room than it has.
const COPIED_MAX: usize = 16 * 1024;

/// A message that stays in the answer that it came in.
struct Literal(Answer);

impl Literal {
    /// Whose octets an answer has, and these.
    fn of(answer: Answer) -> Option<(Uid, Bytes)> {
        let Response::Fetch(_, values) = answer.parsed() else {
            return None;
        };
        let uid = uid_of(values)?;
        let octets = piece_of(values)?.octets?;
        let octets = match octets.len() <= COPIED_MAX {
            true => Bytes::copy_from_slice(octets),
            false => Bytes::from_owner(Self(answer)),
        };
        Some((uid, octets))
    }
}

impl AsRef<[u8]> for Literal {
    fn as_ref(&self) -> &[u8] {
        let piece = match self.0.parsed() {
            Response::Fetch(_, values) => piece_of(values),
            _ => None,
        };
        piece.and_then(|piece| piece.octets).unwrap_or_default()
    }
}

impl Imap {
    pub(in crate::mailbox) async fn fetch(
        &mut self,
        announced: &[(Uid, u64)],
        limit: u64,
    ) -> Result<Brought, Fault> {
        let wanted: BTreeMap<Uid, u64> = announced.iter().copied().collect();
        let uids: Vec<Uid> = wanted.keys().copied().collect();
        let asked = set::sets(&uids, MANY);
        let cap = u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX);
        let command = |set: &str| format!("UID FETCH {set} (UID BODY.PEEK[]<0.{cap}>)");
        let commands: Vec<String> = asked.iter().map(|(set, _)| command(set)).collect();
        let mut got: BTreeMap<Uid, Bytes> = BTreeMap::new();
        let take = |got: &mut BTreeMap<Uid, Bytes>, answer: Answer| {
            if let Some((uid, octets)) = Literal::of(answer) {
                if wanted.contains_key(&uid) {
                    got.insert(uid, octets);
                }
            }
        };
        self.wire.guard().allow(u64::from(cap));
        let dones = self
            .take_all(DOING, &commands, |answer| take(&mut got, answer))
            .await?;

        // A batch that was denied is asked for message by message: one that the server can't show
        // must not keep the others.
        let mut refused = Vec::new();
        let mut said = None;
        for (done, (_, members)) in dones.into_iter().zip(&asked) {
            let Err(denial) = done else {
                continue;
            };
            let singles: Vec<Uid> = members
                .iter()
                .copied()
                .filter(|uid| !got.contains_key(uid))
                .collect();
            if members.len() == 1 {
                refused.extend(singles);
                said.get_or_insert(denial);
                continue;
            }
            let commands: Vec<String> = singles.iter().map(|u| command(&u.to_string())).collect();
            let dones = self
                .take_all(DOING, &commands, |answer| take(&mut got, answer))
                .await?;
            for (done, uid) in dones.into_iter().zip(singles) {
                if let Err(denial) = done {
                    refused.push(uid);
                    said.get_or_insert(denial);
                }
            }
        }
        self.wire.guard().allow(0);
        let mut brought = Brought::default();
        if let Some(denial) = said {
            if !verdict::may_be_one_message(denial.code) {
                return Err(verdict::command(DOING, denial));
            }
            brought.said = denial.said;
            brought.withheld = refused;
        }

        let larger: Vec<Uid> = got
            .iter()
            .filter(|(_, octets)| octets.len() as u64 > limit)
            .map(|(uid, _)| *uid)
            .collect();
        for uid in larger {
            let begun = got.remove(&uid).unwrap_or_default();
            if let Some(whole) = self.complete(uid, begun.into()).await? {
                got.insert(uid, whole.into());
            }
        }
        // Left out under OK, shown as NIL, or shorter than announced: taken away meanwhile, most often.
        // Then who took it has all of it, and what came is a piece.
        let is_whole = |uid: &Uid| {
            let octets = got.get(uid).map(|octets| octets.len() as u64);
            octets.is_some_and(|octets| octets >= wanted[uid])
        };
        let is_doubtful = |uid: &Uid| !is_whole(uid) && !brought.withheld.contains(uid);
        let doubtful: Vec<Uid> = uids.into_iter().filter(is_doubtful).collect();
        let there = self.still_there(DOING, &doubtful).await?;
        // Some servers announce too much, and none announces octets and has not got one.
        let has_some = |uid: &Uid| got.get(uid).is_some_and(|octets| !octets.is_empty());
        let left_out: Vec<Uid> = there.iter().filter(|uid| !has_some(uid)).copied().collect();
        if brought.withheld.is_empty() && !left_out.is_empty() {
            fault::LEFT_OUT.clone_into(&mut brought.said);
        }
        got.retain(|uid, _| !doubtful.contains(uid) || there.contains(uid));
        got.retain(|uid, _| !left_out.contains(uid));
        brought.withheld.extend(left_out);
        brought.messages = got.into_iter().collect();
        Ok(brought)
    }

    /// Oddity: servers that guess sizes (Exchange among them) announce too little. The rest of such
    /// a message follows here; none where it did not come to its end.
    async fn complete(&mut self, uid: Uid, mut octets: Vec<u8>) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            if octets.len() > LARGER_MAX {
                return Err(Fault::Broken {
                    doing: DOING.to_owned(),
                    said: format!("the message with UID {uid} is far larger than announced"),
                });
            }
            match self.slice(uid, octets.len() as u64, SLICE).await? {
                Some(more) if more.is_empty() => return Ok(Some(octets)),
                Some(more) => octets.extend_from_slice(&more),
                None => return Ok(None),
            }
        }
    }

    pub(in crate::mailbox) async fn slice(
        &mut self,
        uid: Uid,
        offset: u64,
        length: u32,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let command = slice_command(uid, offset, length);
        let mut got = None;
        self.wire.guard().allow(u64::from(length));
        self.run(DOING, &command, |answer| {
            if let Response::Fetch(_, values) = answer {
                let octets = piece_of(values).and_then(|piece| piece.octets);
                if let (Some(octets), true) = (octets, uid_of(values) == Some(uid)) {
                    got = Some(octets.to_vec());
                }
            }
        })
        .await?;
        self.wire.guard().allow(0);
        Ok(got)
    }
}

/// Asks for a piece of a message (RFC 3501 §6.4.5, partial).
pub(super) fn slice_command(uid: Uid, offset: u64, length: u32) -> String {
    format!("UID FETCH {uid} (UID BODY.PEEK[]<{offset}.{length}>)")
}
