//! A large message, slice by slice, the next one always on its way.
//!
//! Two commands in flight may be answered in any order, and Dovecot does send the octets of the
//! second before the status of the first when the line is busy. So octets belong to the command
//! whose offset they name (`BODY[]<offset>`), never to the one whose status comes next.
//!
//! A server that gives less than asked for leaves a gap before the slice that is already on its
//! way: that one is let go, and the walk goes on from the right octet. The end is an empty answer,
//! never an announced size; but where it comes earlier than announced, or is no answer at all, somebody
//! may have taken the message away meanwhile, so the server is asked whether it is still there.

use std::collections::{BTreeMap, VecDeque};

use async_imap::imap_proto::Response;

use super::commands::done;
use super::fetch::slice_command;
use super::look::{piece_of, uid_of, Piece};
use super::wire::Tag;
use super::{verdict, Imap};
use crate::mailbox::{Fault, Slice};
use crate::passage::Uid;

/// Slices on their way at once.
const AHEAD: usize = 2;
const DOING: &str = "fetching a large message";

/// A command on its way.
struct Flight {
    tag: Tag,
    offset: u64,
    answered: bool,
}

/// Where a walk through a message is.
pub(in crate::mailbox) struct Walk {
    uid: Uid,
    /// Octets, as announced.
    announced: u64,
    length: u32,
    /// The next octet wanted.
    position: u64,
    /// The next octet to be asked for.
    ahead: u64,
    flying: VecDeque<Flight>,
    /// What came, by its offset; `None` where the server has nothing to show.
    arrived: BTreeMap<u64, Option<Vec<u8>>>,
    /// A slice was short: the end is near, or what is on its way leaves a gap.
    short: bool,
    over: bool,
}

impl Walk {
    pub(in crate::mailbox) fn new(uid: Uid, announced: u64, length: u32) -> Self {
        Self {
            uid,
            announced,
            length: length.max(1),
            position: 0,
            ahead: 0,
            flying: VecDeque::new(),
            arrived: BTreeMap::new(),
            short: false,
            over: false,
        }
    }

    pub(in crate::mailbox) async fn next(&mut self, imap: &mut Imap) -> Result<Slice, Fault> {
        if self.over {
            return Ok(Slice::End);
        }
        loop {
            // After a short slice one at a time, from where it ended.
            let wanted = match (self.short, self.flying.len()) {
                (false, _) => AHEAD,
                (true, 0) => {
                    self.ahead = self.position;
                    1
                }
                (true, _) => 0,
            };
            let mut queued = false;
            while self.flying.len() < wanted {
                let command = slice_command(self.uid, self.ahead, self.length);
                self.flying.push_back(Flight {
                    tag: imap.wire.queue(&command),
                    offset: self.ahead,
                    answered: false,
                });
                self.ahead += u64::from(self.length);
                queued = true;
            }
            if queued {
                imap.wire.guard().allow(u64::from(self.length));
                imap.wire.flush(DOING).await?;
            }
            let (offset, octets) = self.answer(imap).await?;
            if offset != self.position {
                continue;
            }
            match octets {
                None => return self.end(imap, true).await,
                Some(octets) if octets.is_empty() => return self.end(imap, false).await,
                Some(octets) => {
                    self.position += octets.len() as u64;
                    self.short = octets.len() < self.length as usize;
                    return Ok(Slice::Octets(octets));
                }
            }
        }
    }

    /// What the end of the octets means: an empty answer, or one that shows `nothing`.
    async fn end(&mut self, imap: &mut Imap, nothing: bool) -> Result<Slice, Fault> {
        self.over = true;
        let short = self.position < self.announced;
        if short || nothing {
            self.drain(imap).await?;
            if imap.still_there(DOING, &[self.uid]).await?.is_empty() {
                return Ok(Slice::Gone);
            }
            // Some servers announce too much, and none announces octets and has not got one.
            if short && (nothing || self.position == 0) {
                return Err(Fault::left_out(DOING, vec![self.uid]));
            }
        }
        Ok(Slice::End)
    }

    /// Takes what is still on its way.
    pub(in crate::mailbox) async fn drain(&mut self, imap: &mut Imap) -> Result<(), Fault> {
        while !self.flying.is_empty() {
            self.answer(imap).await?;
        }
        imap.wire.guard().allow(0);
        Ok(())
    }

    /// The answer to the slice that was asked for first.
    async fn answer(&mut self, imap: &mut Imap) -> Result<(u64, Option<Vec<u8>>), Fault> {
        loop {
            if let Some(offset) = self.flying.front().filter(|f| f.answered).map(|f| f.offset) {
                self.flying.pop_front();
                return Ok((offset, self.arrived.remove(&offset).flatten()));
            }
            let answer = imap.wire.next(DOING).await?;
            let answer = answer.parsed();
            imap.state.note(answer);
            match answer {
                Response::Fetch(_, values) if uid_of(values) == Some(self.uid) => {
                    match piece_of(values) {
                        Some(Piece {
                            offset: Some(offset),
                            octets,
                        }) => {
                            let offset = u64::from(offset);
                            let waits = |f: &Flight| f.offset == offset && !f.answered;
                            if self.flying.iter().any(waits) {
                                self.arrived.insert(offset, octets.map(<[u8]>::to_vec));
                            }
                        }
                        Some(Piece {
                            octets: Some(_), ..
                        }) => {
                            return Err(Fault::Broken {
                                doing: DOING.to_owned(),
                                said: "the server does not say which part of the message it sent"
                                    .to_owned(),
                            })
                        }
                        // NIL is nothing, of whichever part.
                        Some(Piece { octets: None, .. }) | None => {}
                    }
                }
                Response::Done {
                    tag,
                    status,
                    outcome,
                } => {
                    let Some(flight) = self.flying.iter_mut().find(|f| f.tag.is(&tag.0)) else {
                        return Err(Fault::Broken {
                            doing: DOING.to_owned(),
                            said: "the server answered a command that was not sent".to_owned(),
                        });
                    };
                    flight.answered = true;
                    done(status, outcome).map_err(|denial| verdict::command(DOING, denial))?;
                }
                _ => {}
            }
        }
    }
}
