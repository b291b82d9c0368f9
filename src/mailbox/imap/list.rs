//! Listing unread messages, window by window, so that no answer is long and none is skipped.
//!
//! Windows count sequence numbers. They shift when messages go, so each EXPUNGE that the session
//! sees, during whatever command, moves the next window back (`State::note`). Overlap is harmless.
//!
//! Oddity: a server that can't read one message may deny each search by date over it, and does not
//! deny one by flags (Dovecot 2.3 with a truncated file). That has a name, `Refusal::Dates`, since
//! the caller can do without dates here.

use std::time::Duration;

use async_imap::imap_proto::{MailboxDatum, Response};

use super::{date, verdict, Imap};
use crate::mailbox::{Count, Fault, Listed, Loss, Pass};
use crate::passage::Uid;

/// Sequence numbers searched at once: 5,000 UIDs of ten digits stay under the guard's longest line.
const WINDOW: u32 = 5000;
/// For how long the number of messages is believed without asking.
const FRESH: Duration = Duration::from_millis(100);
const DOING: &str = "listing unread messages";

impl Imap {
    pub(in crate::mailbox) async fn list(&mut self, mut pass: Pass) -> Result<Listed, Fault> {
        if pass.number == 0 || pass.number != self.state.walk.0 {
            // A pass of an earlier session begins anew: its sequence numbers mean nothing here.
            pass.number = self.state.walk.0 + 1;
            self.refresh().await?;
            self.state.walk = (pass.number, 1);
            if let Some(from) = pass.from {
                self.seek(from).await?;
            }
        }
        let start = self.state.walk.1;
        if start > self.state.exists {
            return Ok(Listed {
                uids: Vec::new(),
                pass: None,
            });
        }
        let end = start.saturating_add(WINDOW - 1).min(self.state.exists);
        // Moved before the command goes: an EXPUNGE that comes with its answer counts.
        self.state.walk.1 = end + 1;
        self.state.news = false;
        let mut what = match pass.read_too {
            true => "ALL".to_owned(),
            false => "UNSEEN".to_owned(),
        };
        let since = pass.received_after.and_then(|at| date::day(at, -1));
        if let Some(since) = &since {
            what.push_str(&format!(" SINCE {since}"));
        }
        if let Some(from) = pass.from {
            what.push_str(&format!(" UID {from}:*"));
        }
        let mut uids = self.search(start, end, &what, since.is_some()).await?;
        if let Some(from) = pass.from {
            // `n:*` holds the last message, however low its UID (RFC 3501 §6.4.8).
            uids.retain(|uid| *uid >= from);
        }
        let more = self.state.walk.1 <= self.state.exists;
        Ok(Listed {
            uids,
            pass: more.then_some(pass),
        })
    }

    /// Learns how many messages there are now.
    pub(super) async fn refresh(&mut self) -> Result<(), Fault> {
        self.run(DOING, "NOOP", |_| {}).await?;
        self.state.refreshed_at = Some(self.wire.clock().tick());
        Ok(())
    }

    /// Moves the walk to a window that holds the first UID from `from` on: backwards from the end,
    /// since that is where new messages are.
    async fn seek(&mut self, from: Uid) -> Result<(), Fault> {
        let mut back = WINDOW;
        loop {
            let start = self.state.exists.saturating_sub(back - 1);
            if start <= 1 {
                self.state.walk.1 = 1;
                return Ok(());
            }
            self.state.walk.1 = start;
            let first = self.search(start, start, "ALL", false).await?;
            if first.first().is_some_and(|uid| *uid < from) {
                return Ok(());
            }
            back = back.saturating_mul(2);
        }
    }

    async fn search(
        &mut self,
        start: u32,
        end: u32,
        what: &str,
        dated: bool,
    ) -> Result<Vec<Uid>, Fault> {
        let command = format!("UID SEARCH {start}:{end} {what}");
        let mut uids = Vec::new();
        let asked = self.ask(DOING, &command, |answer| {
            if let Response::MailboxData(MailboxDatum::Search(found)) = answer {
                uids.extend(found.iter().map(|n| Uid(*n)));
            }
        });
        let done = match asked.await {
            // So Dovecot 2.3 does with a file of no octets. A line that dropped by chance is taken for
            // the same, which costs a search without dates.
            Err(Fault::Lost {
                why: why @ (Loss::Closed | Loss::Cut { .. }),
                ..
            }) if dated => {
                return Err(verdict::dateless(DOING, why.to_string()));
            }
            asked => asked?,
        };
        done.map_err(|denial| match dated {
            true => verdict::dated(DOING, denial),
            false => verdict::command(DOING, denial),
        })?;
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    pub(in crate::mailbox) async fn count(&mut self, what: Count) -> Result<u64, Fault> {
        let (flag, earlier, at) = match what {
            Count::Unread => return Ok(self.search_all("UNSEEN", false).await?.len() as u64),
            Count::Read => return Ok(self.search_all("SEEN", false).await?.len() as u64),
            Count::UnreadSince(at) => ("UNSEEN", false, at),
            Count::UnreadBefore(at) => ("UNSEEN", true, at),
            Count::ReadSince(at) => ("SEEN", false, at),
        };
        // Whole days in the server's zone decide but for the days around the cut-off, where the
        // received time does.
        let (Some(before), Some(after)) = (date::day(at, -1), date::day(at, 2)) else {
            return Ok(0);
        };
        let clear = match earlier {
            true => format!("{flag} BEFORE {before}"),
            false => format!("{flag} SINCE {after}"),
        };
        let clear = self.search_all(&clear, true).await?;
        let edge = self
            .search_all(&format!("{flag} SINCE {before} BEFORE {after}"), true)
            .await?;
        let edge = self
            .look(&edge)
            .await
            .map_err(|unlooked| match unlooked.at {
                // Its date alone can be told, or was: the same message would cost the line each time.
                Some(_) => verdict::dateless(DOING, unlooked.fault.to_string()),
                None => unlooked.fault,
            })?;
        let told = edge.items.iter();
        let counted = told.filter(|i| (i.received_at < at) == earlier).count();
        // What the server doesn't tell of counts as young: the date leaves out what is known only.
        let untold = if earlier { 0 } else { edge.denied.len() };
        Ok((clear.len() + counted + untold) as u64)
    }

    /// Whether one command lists the whole folder.
    pub(in crate::mailbox) fn is_small(&self) -> bool {
        self.state.exists <= WINDOW
    }

    async fn search_all(&mut self, what: &str, dated: bool) -> Result<Vec<Uid>, Fault> {
        // One look asks several such questions behind each other, and each command wakes the box.
        let now = self.wire.clock().tick();
        let fresh = self.state.refreshed_at.map(|at| now.since(at) < FRESH);
        if fresh != Some(true) {
            self.refresh().await?;
        }
        let mut uids = Vec::new();
        let number = self.state.walk.0 + 1;
        self.state.walk = (number, 1);
        while self.state.walk.1 <= self.state.exists {
            let start = self.state.walk.1;
            let end = start.saturating_add(WINDOW - 1).min(self.state.exists);
            self.state.walk.1 = end + 1;
            uids.extend(self.search(start, end, what, dated).await?);
        }
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }
}
