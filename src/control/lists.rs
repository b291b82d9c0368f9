//! Messages in lists: pages of stages, and each message as a line.

use super::port::LeftBehind;
use super::service::{Running, PAGE_MAX};
use super::wire::{Kind, Listed, MessageLine, Page, Refusal};
use crate::engine::StoreFault;
use crate::passage::{Entry, MailboxId, Stage};
use crate::ticket::{Key, Reason};
use crate::world::Wall;

/// The mailbox of a message whose mailbox was taken out.
pub(super) const REMOVED: &str = "(removed)";
/// The subject of a message whose record can't be read.
const DAMAGED: &str = "(its record is damaged)";

impl Running {
    /// A page of one or several stages' lists, one after the other.
    pub(super) async fn list(
        &self,
        stages: &'static [Stage],
        page: &Page,
    ) -> Result<Listed<MessageLine>, Refusal> {
        let limit = page.limit.unwrap_or(50).clamp(1, PAGE_MAX) as usize;
        let (mut at, mut after) = cursor(page.after.as_deref())?;
        let reasons = page.reason.reasons()?;
        if let Some(name) = page.mailbox.as_deref().filter(|name| *name != REMOVED) {
            if self.engine.settings().mailbox(name).is_none() {
                return Err(Refusal::new(
                    Kind::Absent,
                    format!("there is no mailbox `{name}`"),
                ));
            }
        }
        let mut listed = Listed::default();
        while let Some(stage) = stages.get(at).copied() {
            let rows = self.rows(stage, after).await?;
            let full = rows.len() >= PAGE_MAX as usize;
            for (key, entry) in rows {
                if listed.items.len() >= limit {
                    listed.next = Some(format!("{at}-{after}"));
                    return Ok(listed);
                }
                after = entry.sequence;
                // Of the others nothing need be read.
                if stage == Stage::Held && entry.reason == Some(Reason::Storm) {
                    // In a row for all of its group.
                    continue;
                }
                if !reasons.is_empty() && !entry.reason.is_some_and(|r| reasons.contains(&r)) {
                    continue;
                }
                let line = self.line(key, &entry).await?;
                if page.mailbox.as_ref().is_none_or(|w| *w == line.mailbox) {
                    listed.items.push(line);
                }
            }
            if !full {
                at += 1;
                after = 0;
            }
        }
        let counters = self.engine.counters.borrow();
        listed.total = match (&page.mailbox, reasons.as_slice(), &page.after) {
            (None, [], _) => Some(stages.iter().map(|s| counters.of(*s)).sum()),
            // Nothing counts these but looking at each.
            (_, _, None) => Some(listed.items.len() as u64),
            (_, _, Some(_)) => None,
        };
        Ok(listed)
    }

    /// What stands in `stage` behind `after`, at most `PAGE_MAX`.
    async fn rows(&self, stage: Stage, after: u64) -> Result<Vec<(Key, Entry)>, Refusal> {
        self.read(move |r| match stage {
            Stage::Committed => r
                .queue(after, PAGE_MAX as usize)?
                .into_iter()
                .filter_map(|q| r.entry(&q.key).transpose().map(|e| e.map(|e| (q.key, e))))
                .collect(),
            _ => Ok(r
                .list(stage, after, PAGE_MAX as usize)?
                .into_iter()
                .map(|l| (l.key, l.entry))
                .collect()),
        })
        .await
    }

    /// What `mailbox` would leave behind.
    pub(super) async fn left_behind(&self, mailbox: MailboxId) -> Result<LeftBehind, Refusal> {
        let mut left = LeftBehind::default();
        let mut after = 0;
        loop {
            let page = self
                .read(move |r| r.to_archive(mailbox.0, after, PAGE_MAX as usize))
                .await?;
            let Some(last) = page.last() else { break };
            after = last.entry.sequence;
            left.under_way += page.len() as u64;
        }
        for stage in [
            Stage::Committed,
            Stage::Released,
            Stage::Held,
            Stage::Refused,
        ] {
            let count = match stage {
                Stage::Held => &mut left.held,
                Stage::Refused => &mut left.refused,
                _ => &mut left.under_way,
            };
            let mut after = 0;
            loop {
                let rows = self.rows(stage, after).await?;
                let Some((_, last)) = rows.last() else { break };
                after = last.sequence;
                let own = rows.iter().filter(|(_, entry)| entry.mailbox == mailbox);
                *count += own.count() as u64;
            }
        }
        Ok(left)
    }

    /// A message as lists show it.
    pub(super) async fn line(&self, key: Key, entry: &Entry) -> Result<MessageLine, Refusal> {
        let (decision, why, stage) = (entry.decision, entry.refusal, entry.stage);
        // What can't be read of one message keeps no other from being listed.
        let (decision, said) = self
            .read(move |r| {
                // Its records may have been moved since the row was read.
                let now = r.entry(&key)?.filter(|now| now.stage == stage);
                let (decision, why) = now.map_or((decision, why), |n| (n.decision, n.refusal));
                let decision = decision.map(|at| r.decision(at)).transpose();
                let said = match (why, stage) {
                    (Some(at), Stage::Dismissed) => {
                        r.dismissal(at).map(|by| by.map(|by| format!("by {by}")))
                    }
                    (Some(at), Stage::Refused | Stage::Committed) => {
                        r.refusal(at).map(|w| Some(w.said))
                    }
                    _ => Ok(None),
                };
                Ok((decision, said))
            })
            .await?;
        let said = said.unwrap_or_else(|fault| Some(damaged(&fault)));
        let (from, subject, said) = match decision {
            Ok(Some(decision)) => {
                let by_rule = || decision.marks.as_ref().and_then(|marks| marks.said());
                let said = said.or_else(by_rule);
                (decision.sender, decision.subject, said)
            }
            Ok(None) => (String::new(), String::new(), said),
            Err(fault) => (String::new(), DAMAGED.to_owned(), Some(damaged(&fault))),
        };
        let settings = self.engine.settings();
        let mailbox = settings.mailbox_by_id(entry.mailbox);
        let now = self.engine.world.clock.tick();
        let deferred = self.engine.link.deferred(&key);
        Ok(MessageLine {
            key: key.short(),
            mailbox: mailbox.map_or_else(|| REMOVED.to_owned(), |m| m.name.clone()),
            stage: entry.stage.to_string(),
            reason: entry.reason.map(|r| r.to_string()),
            received_at: Some(Wall(entry.received_at).to_string()),
            from,
            subject,
            attempts: deferred.as_ref().map_or(0, |d| d.attempts),
            next_s: deferred.as_ref().map(|d| d.due.since(now).as_secs()),
            said: said
                .or_else(|| deferred.map(|d| d.said))
                .or_else(|| entry.reason.map(|r| r.explain().to_owned())),
            group: None,
        })
    }
}

/// That a message's record is damaged, and where.
pub(super) fn damaged(fault: &StoreFault) -> String {
    format!("its record is damaged: {fault}")
}

fn cursor(text: Option<&str>) -> Result<(usize, u64), Refusal> {
    let Some(text) = text else { return Ok((0, 0)) };
    text.split_once('-')
        .and_then(|(at, after)| Some((at.parse().ok()?, after.parse().ok()?)))
        .ok_or_else(|| Refusal::new(Kind::Usage, "the page's beginning is not one of ours"))
}
