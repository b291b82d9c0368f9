//! The command loop: several commands in flight, each status read, unasked answers taken in.

use std::collections::VecDeque;

use async_imap::imap_proto::{MailboxDatum, Response, ResponseCode, Status};

use super::verdict::{self, Denial};
use super::wire::{self, Tag, Wire};
use super::Imap;
use crate::mailbox::{Answer, Fault};
use crate::passage::UidValidity;
use crate::world::Tick;

/// How many commands may be unanswered.
const AHEAD: usize = 4;

/// What is known of the open folder from whatever the server says, asked or not.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The open folder's name, as it was given.
    pub(super) opened: Option<String>,
    /// Whether the server lets nothing be changed in it.
    pub(super) read_only: bool,
    pub(super) uid_validity: Option<UidValidity>,
    /// What it changed to while the folder was open.
    pub(super) renewed: Option<UidValidity>,
    pub(super) exists: u32,
    /// Something was added or marked unread since it was last listed.
    pub(super) news: bool,
    /// Flags are being asked for: those are no news, but what comes among them may be.
    pub(super) flags_asked: bool,
    /// The walk under way: its number, and the sequence number that its next window begins with.
    pub(super) walk: (u64, u32),
    /// When the server was last asked for nothing but what is new.
    pub(super) refreshed_at: Option<Tick>,
    pub(super) alert: Option<String>,
}

impl State {
    /// Takes in an answer of any kind.
    pub(super) fn note(&mut self, answer: &Response<'_>) {
        match answer {
            Response::MailboxData(MailboxDatum::Exists(n)) => {
                if *n > self.exists {
                    self.news = true;
                }
                self.exists = *n;
            }
            Response::Expunge(gone) => {
                self.exists = self.exists.saturating_sub(1);
                // All behind it move up by one: without this a window would skip a message.
                if *gone < self.walk.1 {
                    self.walk.1 -= 1;
                }
            }
            Response::Vanished { uids, .. } => {
                // By UID (RFC 7162): which sequence numbers moved is not told.
                let gone: u64 = uids
                    .iter()
                    .map(|r| u64::from(*r.end()).saturating_sub(u64::from(*r.start())) + 1)
                    .sum();
                let gone = u32::try_from(gone).unwrap_or(u32::MAX);
                self.exists = self.exists.saturating_sub(gone);
                self.walk.1 = 1;
            }
            Response::Fetch(_, values) => {
                use async_imap::imap_proto::AttributeValue::Flags;
                let unread = |v: &_| matches!(v, Flags(flags) if !is_seen(flags));
                if !self.flags_asked && values.len() <= 2 && values.iter().any(unread) {
                    self.news = true;
                }
            }
            Response::Data { status, outcome } => {
                match &outcome.code {
                    Some(ResponseCode::UidValidity(n)) => {
                        let now = UidValidity(*n);
                        match self.uid_validity {
                            Some(was) if was != now => self.renewed = Some(now),
                            _ => self.uid_validity = Some(now),
                        }
                    }
                    Some(ResponseCode::Alert) => self.alert = Some(verdict::words(outcome).1),
                    _ => {}
                }
                if matches!(status, Status::No | Status::Bad) {
                    log::warn!("the server warns: {}", verdict::words(outcome).1);
                }
            }
            _ => {}
        }
    }
}

/// Whether flags hold `\Seen`.
pub(super) fn is_seen(flags: &[std::borrow::Cow<'_, str>]) -> bool {
    flags.iter().any(|f| f.eq_ignore_ascii_case("\\Seen"))
}

/// How a command ended: OK, or denied.
pub(super) type Done = Result<(), Denial>;

/// Reads a tagged answer.
pub(super) fn done(status: &Status, outcome: &async_imap::imap_proto::Outcome<'_>) -> Done {
    let answer = match status {
        Status::Ok => return Ok(()),
        Status::No => Answer::No,
        // PREAUTH and BYE carry no tag; whoever puts one there is not understood.
        Status::Bad | Status::PreAuth | Status::Bye => Answer::Bad,
    };
    let (name, said) = verdict::words(outcome);
    Err(Denial {
        answer,
        code: verdict::code(name.as_deref()),
        name,
        said,
    })
}

/// Sends `commands`, a few ahead, and reads until each has its status. `on` is given every answer; it is
/// called through a pointer, since all of this would else be compiled for each command that we know.
pub(super) async fn pipeline(
    wire: &mut Wire,
    state: &mut State,
    doing: &str,
    commands: &[String],
    on: &mut dyn FnMut(wire::Answer),
) -> Result<Vec<Done>, Fault> {
    let mut dones: Vec<Done> = Vec::with_capacity(commands.len());
    let mut early: Vec<(usize, Done)> = Vec::new();
    let mut flying: VecDeque<(Tag, usize)> = VecDeque::with_capacity(AHEAD);
    let mut waiting = commands.iter().enumerate();
    loop {
        let mut queued = false;
        while flying.len() < AHEAD {
            let Some((number, command)) = waiting.next() else {
                break;
            };
            flying.push_back((wire.queue(command), number));
            queued = true;
        }
        if queued {
            wire.flush(doing).await?;
        }
        if flying.is_empty() {
            break;
        }
        let answer = wire.next(doing).await?;
        state.note(answer.parsed());
        if let Response::Done {
            tag,
            status,
            outcome,
        } = answer.parsed()
        {
            let at = flying.iter().position(|(t, _)| t.is(&tag.0));
            let Some((_, number)) = at.and_then(|at| flying.remove(at)) else {
                return Err(Fault::Broken {
                    doing: doing.to_owned(),
                    said: "the server answered a command that was not sent".to_owned(),
                });
            };
            early.push((number, done(status, outcome)));
        }
        on(answer);
    }
    // Servers may answer out of order (RFC 3501 §5.5).
    early.sort_by_key(|(number, _)| *number);
    dones.extend(early.into_iter().map(|(_, done)| done));
    if let (Some(was), Some(now)) = (state.uid_validity, state.renewed) {
        return Err(Fault::Moved { was, now });
    }
    Ok(dones)
}

impl Imap {
    /// One command, its denial not yet judged.
    pub(super) async fn ask(
        &mut self,
        doing: &str,
        command: &str,
        mut on: impl FnMut(&Response<'_>),
    ) -> Result<Done, Fault> {
        self.one(doing, command, &mut |answer| on(answer.parsed()))
            .await
    }

    /// One command that must succeed.
    pub(super) async fn run(
        &mut self,
        doing: &str,
        command: &str,
        mut on: impl FnMut(&Response<'_>),
    ) -> Result<(), Fault> {
        self.must(doing, command, &mut |answer| on(answer.parsed()))
            .await
    }

    /// Several commands, their denials not yet judged.
    pub(super) async fn ask_all(
        &mut self,
        doing: &str,
        commands: &[String],
        mut on: impl FnMut(&Response<'_>),
    ) -> Result<Vec<Done>, Fault> {
        self.take_all(doing, commands, |answer| on(answer.parsed()))
            .await
    }

    /// The same, each answer for the taking.
    pub(super) async fn take_all(
        &mut self,
        doing: &str,
        commands: &[String],
        mut on: impl FnMut(wire::Answer),
    ) -> Result<Vec<Done>, Fault> {
        pipeline(&mut self.wire, &mut self.state, doing, commands, &mut on).await
    }

    async fn must(
        &mut self,
        doing: &str,
        command: &str,
        on: &mut dyn FnMut(wire::Answer),
    ) -> Result<(), Fault> {
        self.one(doing, command, on)
            .await?
            .map_err(|denial| verdict::command(doing, denial))
    }

    async fn one(
        &mut self,
        doing: &str,
        command: &str,
        on: &mut dyn FnMut(wire::Answer),
    ) -> Result<Done, Fault> {
        let commands = [command.to_owned()];
        let dones = pipeline(&mut self.wire, &mut self.state, doing, &commands, on).await?;
        Ok(dones.into_iter().next().unwrap_or(Ok(())))
    }
}
