//! `log`: the life of one message, as the journal tells it; and the newest messages of some reasons.
//!
//! A message is named by its key or by its Message-ID. Of the latter there is no index: the messages that
//! are kept are looked through, and it is said of how many no octets are here that could be. What the
//! records mean is `words`' to say.

mod words;

use serde::{Deserialize, Serialize};

use super::pace::Pace;
use super::port::{Lines, Service};
use super::service::{Running, PAGE_MAX};
use super::wire::{Answer, Codes, Kind, Listed, MessageLine, Refusal};
use crate::engine::life::{Life as Walk, Seek};
use crate::engine::reader::Reader;
use crate::passage::{Counters, Entry, Stage};
use crate::ticket::reason::Verdict;
use crate::ticket::{Key, Reason};

/// Rows of a list that are looked at in one turn.
const ROWS: usize = 200;
/// Octets of a Message-ID at most (RFC 5322 §2.1.1: a line has no more).
const ID_MAX: usize = 998;

/// Something that the journal says of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeLine {
    /// When; none where the record has no time.
    pub at: Option<String>,
    /// What, in one word.
    pub event: String,
    /// The same as a sentence.
    pub said: String,
    /// What can be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// The reason's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// The folder on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The message's UID there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The folder's UIDVALIDITY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid_validity: Option<u32>,
    /// The portal's id of the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The portal's epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The life of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The line that lists show.
    #[serde(flatten)]
    pub line: MessageLine,
    /// The whole key.
    pub whole_key: String,
    /// The Message-ID that it was asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The portal's ticket.
    pub ticket: Option<String>,
    /// What can be done about it, where it is no ticket.
    pub mend: Option<String>,
    /// What happened to it, oldest first.
    pub events: Vec<LifeLine>,
    /// What could not be looked at.
    pub remarks: Vec<String>,
}

/// The messages that have a Message-ID.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matches {
    /// The Message-ID, without its angle brackets.
    pub message_id: String,
    /// They, in the order of their decisions.
    pub items: Vec<MessageLine>,
    /// Messages that are known and not kept here, so that their Message-ID could not be looked at.
    pub not_kept: u64,
    /// Messages that are known in all.
    pub known: u64,
    /// What could not be looked at, in words.
    pub remarks: Vec<String>,
}

/// Answers `log`.
pub(super) async fn answer<S: Service>(
    service: &S,
    message: Option<&str>,
    reasons: &Codes,
    limit: Option<u32>,
    lines: &Lines,
) -> Result<Answer, Refusal> {
    let text = match (message, reasons.0.as_slice()) {
        (Some(text), []) => text,
        (None, [_, ..]) => {
            let limit = limit.unwrap_or(50).clamp(1, PAGE_MAX) as usize;
            let newest = service.newest(&reasons.reasons()?, limit).await?;
            return Ok(Answer::Newest(newest));
        }
        _ => return Err(unnamed()),
    };
    let Some(id) = message_id(text) else {
        let key = super::dispatch::whole(text).map_err(|_| unnamed())?;
        return Ok(Answer::Life(Box::new(service.life(&key, lines).await?)));
    };
    if id.is_empty() || id.len() > ID_MAX {
        return Err(unnamed());
    }
    let matches = service.seek(id, lines).await?;
    match matches.items.as_slice() {
        [] => Err(nowhere(&matches)),
        [one] => {
            let mut life = service.life(&one.key, lines).await?;
            life.message_id = Some(matches.message_id);
            // That others may have it too.
            life.remarks.extend(matches.remarks);
            Ok(Answer::Life(Box::new(life)))
        }
        _ => Ok(Answer::Matches(Box::new(matches))),
    }
}

fn unnamed() -> Refusal {
    let said = "a message is named by its key, as the lists show it, or by at least 4 digits of it, or by its \
                Message-ID in quotes: '<...>'; else name reasons with --reason";
    Refusal::new(Kind::Usage, said)
}

fn nowhere(matches: &Matches) -> Refusal {
    let mut said = format!(
        "no message that is kept here has the Message-ID <{}>",
        matches.message_id
    );
    for remark in &matches.remarks {
        said.push_str(&format!("; {remark}"));
    }
    said.push_str(". `postern held list` and `postern held list --aside` show sender and subject");
    Refusal::new(Kind::Absent, said)
}

/// What is a Message-ID and no key, without its angle brackets.
fn message_id(text: &str) -> Option<&str> {
    let text = text.trim();
    match text.strip_prefix('<') {
        Some(id) => Some(id.strip_suffix('>').unwrap_or(id).trim()),
        None => text.contains('@').then_some(text),
    }
}

/// The life of the one message whose key begins so.
pub(super) async fn life(running: &Running, key: &str, lines: &Lines) -> Result<Life, Refusal> {
    let (key, entry) = running.find(key).await?;
    let turn = |walk: &mut Walk, r: &Reader| walk.turn(r.journal());
    let mut pace = Pace::default();
    let walk = pace.walk(running, Walk::new(key), turn, lines);
    let told = walk.await?.end();
    let settings = running.engine.settings();
    let mut remarks = Vec::new();
    if told.left_out > 0 {
        remarks.push(format!(
            "{} older records of it are left out",
            told.left_out
        ));
    }
    remarks.extend(unread(told.damaged));
    Ok(Life {
        line: running.line(key, &entry).await?,
        whole_key: key.to_string(),
        message_id: None,
        mend: entry.no_ticket_for().map(|r| r.mend().to_owned()),
        ticket: entry.ticket,
        events: words::lines(&told.records, &settings),
        remarks,
    })
}

/// That the journal is damaged, where it is.
fn unread(damaged: u64) -> Option<String> {
    let places = match damaged {
        0 => return None,
        1 => "1 place of the journal".to_owned(),
        _ => format!("{damaged} places of the journal"),
    };
    Some(format!(
        "{places} can't be read, and something may be missing here for it: `postern store check`"
    ))
}

/// The messages that have this Message-ID.
pub(super) async fn seek(running: &Running, id: &str, lines: &Lines) -> Result<Matches, Refusal> {
    let turn = |seek: &mut Seek, r: &Reader| seek.turn(r.journal());
    let mut pace = Pace::default();
    let seek = pace.walk(running, Seek::new(id), turn, lines);
    let sought = seek.await?.end();
    let mut found = Vec::new();
    for key in sought.keys {
        // Its records may outlive what is known of it by a moment.
        if let Some(entry) = running.read(move |r| r.entry(&key)).await? {
            found.push((key, entry));
        }
    }
    found.sort_by_key(|(_, entry)| entry.sequence);
    let (known, not_kept) = {
        let counters = running.engine.counters.borrow();
        let known = counters.total();
        (known, known.saturating_sub(counters.kept))
    };
    let mut remarks = Vec::new();
    if sought.more {
        remarks.push(format!("more than these {} have it", found.len()));
    }
    if not_kept > 0 {
        remarks.push(format!(
            "of {not_kept} of the {known} messages that are known no octets are kept here (held, archived without a ticket, or past their time), so their Message-IDs could not be looked at"
        ));
    }
    remarks.extend(unread(sought.damaged));
    Ok(Matches {
        message_id: id.to_owned(),
        items: rows(running, found).await?,
        not_kept,
        known,
        remarks,
    })
}

async fn rows(running: &Running, found: Vec<(Key, Entry)>) -> Result<Vec<MessageLine>, Refusal> {
    let mut items = Vec::with_capacity(found.len());
    for (key, entry) in found {
        items.push(running.line(key, &entry).await?);
    }
    Ok(items)
}

/// Where the messages of a reason stand.
fn stage_of(reason: Reason) -> Stage {
    match (reason, reason.verdict()) {
        (Reason::Dismissed, _) => Stage::Dismissed,
        (_, Verdict::Held) => Stage::Held,
        (_, Verdict::Ignored) => Stage::Ignored,
        (_, Verdict::Closed) => Stage::Closed,
        (_, Verdict::Refused) => Stage::Refused,
    }
}

/// How many there are of these reasons in `stage`; in all of them where none is named.
fn count(counters: &Counters, reasons: &[Reason], stage: Option<Stage>) -> u64 {
    let there = reasons
        .iter()
        .filter(|r| stage.is_none_or(|s| stage_of(**r) == s));
    there.map(|r| counters.of_reason(*r)).sum()
}

/// The newest messages that have one of these reasons, newest decision first.
pub(super) async fn newest(
    running: &Running,
    reasons: &[Reason],
    limit: usize,
) -> Result<Listed<MessageLine>, Refusal> {
    let mut reasons = reasons.to_vec();
    reasons.sort_unstable();
    reasons.dedup();
    let counters = running.engine.counters.borrow().clone();
    let mut stages: Vec<Stage> = reasons.iter().map(|r| stage_of(*r)).collect();
    stages.sort_unstable();
    stages.dedup();
    let mut found: Vec<(Key, Entry)> = Vec::new();
    for stage in stages {
        // A rare one among very many others: what is behind the last of it need not be looked at.
        let there = count(&counters, &reasons, Some(stage));
        let wanted = usize::try_from(there).map_or(limit, |there| there.min(limit));
        let (mut before, mut left) = (u64::MAX, wanted);
        while left > 0 {
            let page = running
                .read(move |r| r.list_back(stage, before, ROWS))
                .await?;
            let Some(last) = page.last() else { break };
            before = last.entry.sequence;
            let of_them = page.into_iter().filter(|l| {
                let reason = l.entry.no_ticket_for();
                reason.is_some_and(|r| reasons.contains(&r))
            });
            for listed in of_them.take(left) {
                found.push((listed.key, listed.entry));
                left -= 1;
            }
        }
    }
    found.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.sequence));
    found.truncate(limit);
    Ok(Listed {
        items: rows(running, found).await?,
        next: None,
        total: Some(count(&counters, &reasons, None)),
    })
}

#[cfg(test)]
mod tests;
