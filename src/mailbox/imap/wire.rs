//! One connection: commands out, answers in, each with a deadline.
//!
//! async-imap reads and parses; the lines are written here, so that a pipeline is one write, the
//! password is in no log of its, and the tags are ours. Who waits for which tag is `commands`'.

use std::sync::Arc;
use std::time::Duration;

use async_imap::extensions::idle::Handle;
use async_imap::imap_proto::{Response, Status};
use async_imap::Client;
use futures_lite::future::or;
use futures_lite::{AsyncWriteExt, Stream};

use super::guard::{End, Guard};
use super::verdict;
use crate::mailbox::{Fault, Loss};
use crate::world::{BoxConnection, Clock, Tick};

/// An answer with the octets that it was parsed from. async-imap doesn't export the type's name,
/// so it is named by where it occurs.
pub(super) type Answer = <<Handle<Guard> as Stream>::Item as Success>::Value;

/// What a result holds when it is one.
pub(super) trait Success {
    type Value;
}

impl<T, E> Success for Result<T, E> {
    type Value = T;
}

/// A command's number; its tag is `p` and the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    /// Whether `text` is this tag.
    pub(super) fn is(self, text: &str) -> bool {
        text.strip_prefix('p').and_then(|n| n.parse().ok()) == Some(self.0)
    }
}

pub(super) struct Wire {
    client: Client<Guard>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    serial: u32,
}

impl Wire {
    pub(super) fn new(guard: Guard, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        Self {
            client: Client::new(guard),
            clock,
            patience,
            serial: 0,
        }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn guard(&mut self) -> &mut Guard {
        self.client.get_mut()
    }

    /// The connection itself, to be secured; `None` when something came that nobody asked for.
    pub(super) fn into_clean_inner(self) -> Option<BoxConnection> {
        self.client.into_inner().into_clean_inner()
    }

    /// Adds a command to the next flush.
    pub(super) fn queue(&mut self, command: &str) -> Tag {
        self.serial = self.serial.wrapping_add(1);
        let tag = Tag(self.serial);
        let start = format!("p{} ", self.serial);
        let guard = self.client.get_mut();
        guard.queue(start.as_bytes());
        guard.queue(command.as_bytes());
        guard.queue(b"\r\n");
        tag
    }

    /// Adds a line without a tag: what a continuation asks for.
    pub(super) fn queue_line(&mut self, line: &str) {
        let guard = self.client.get_mut();
        guard.queue(line.as_bytes());
        guard.queue(b"\r\n");
    }

    /// Sends what was queued.
    pub(super) async fn flush(&mut self, doing: &str) -> Result<(), Fault> {
        let guard = self.client.get_mut();
        guard.asked();
        match self.clock.within(self.patience, guard.flush()).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(self.lost(doing)),
            None => Err(self.silent(doing)),
        }
    }

    /// The next answer. A BYE is a fault here: whoever says goodbye doesn't ask this.
    pub(super) async fn next(&mut self, doing: &str) -> Result<Answer, Fault> {
        loop {
            let deadline = self.client.get_ref().heard_at().plus(self.patience);
            if let Some(answer) = self.next_until(deadline, doing).await? {
                return Ok(answer);
            }
            // Octets of a long answer put the deadline off.
            if self.clock.tick() >= self.client.get_ref().heard_at().plus(self.patience) {
                return Err(self.silent(doing));
            }
        }
    }

    /// The next answer, or `None` when `deadline` came first; nothing is lost then.
    pub(super) async fn next_until(
        &mut self,
        deadline: Tick,
        doing: &str,
    ) -> Result<Option<Answer>, Fault> {
        let clock = Arc::clone(&self.clock);
        let answer = or(async { Some(self.client.read_response().await) }, async {
            clock.sleep_until(deadline).await;
            None
        })
        .await;
        match answer {
            None => Ok(None),
            Some(Ok(Some(answer))) => {
                if let Response::Data {
                    status: Status::Bye,
                    outcome,
                } = answer.parsed()
                {
                    let (name, said) = verdict::words(outcome);
                    return Err(verdict::bye(doing, name.as_deref(), said));
                }
                Ok(Some(answer))
            }
            Some(Ok(None) | Err(_)) => Err(self.lost(doing)),
        }
    }

    /// Why nothing can be read or written any more. The parser's own error holds what it could not
    /// parse, which may be mail: it is not looked at.
    fn lost(&self, doing: &str) -> Fault {
        let doing = doing.to_owned();
        let guard = self.client.get_ref();
        if let Some(breach) = guard.breach() {
            return Fault::Broken {
                doing,
                said: breach.to_string(),
            };
        }
        match guard.ended() {
            Some(End::Closed) => Fault::Lost {
                doing,
                why: Loss::Closed,
            },
            Some(End::Cut(said)) => Fault::Lost {
                doing,
                why: Loss::Cut { said: said.clone() },
            },
            None => Fault::Broken {
                doing,
                said: "the server sent an answer that is not IMAP".to_owned(),
            },
        }
    }

    fn silent(&self, doing: &str) -> Fault {
        Fault::Lost {
            doing: doing.to_owned(),
            why: Loss::Silent {
                after: self.patience,
            },
        }
    }
}
