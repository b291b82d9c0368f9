//! Groups of what a storm left: messages of one mailbox that are held for what they have in common, listed as one
//! row, and made tickets or archived together.
//!
//! Which group a message is of follows from its decision alone, so that nothing has to be kept of groups.
//! Whoever decides about one is told first how many it is. *Absent*: the counting, which is `ticket::storm`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::port::Caller;
use super::service::{Running, PAGE_MAX};
use super::wire::{Answer, Kind, Listed, MessageLine, Page, Refusal, Request};
use crate::engine::held;
use crate::passage::record::{ActKind, Decision};
use crate::passage::{Entry, MailboxId, Stage};
use crate::ticket::storm::value;
use crate::ticket::{Alike, Key, Reason};
use crate::world::Wall;

/// What a row stands for that stands for a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLine {
    /// What its messages have in common: `sender` or `subject`.
    pub alike: String,
    /// That sender, or that subject as it is compared.
    pub what: String,
    /// How many are held.
    pub count: u64,
    /// When the server received the first of them.
    pub since: String,
    /// When it received the last one.
    pub until: String,
}

/// All messages of a group, made tickets or archived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Together {
    /// The key of any one of them.
    pub key: String,
    /// Archive them without tickets, for this reason.
    #[serde(default)]
    pub dismiss: Option<String>,
    /// The operator has been told how many it is.
    #[serde(default)]
    pub yes: bool,
}

impl Request {
    /// Where it says that the operator has been asked.
    pub fn yes_mut(&mut self) -> Option<&mut bool> {
        match self {
            Self::Group(together) => Some(&mut together.yes),
            request => request.how_mut().map(|how| &mut how.yes),
        }
    }
}

/// What the messages of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    mailbox: MailboxId,
    alike: Alike,
    what: String,
}

impl Group {
    fn of(decision: &Decision) -> Option<Self> {
        let alike = decision.storm?.alike;
        let said = match alike {
            Alike::Sender => &decision.sender,
            Alike::Subject => &decision.subject,
        };
        Some(Self {
            mailbox: decision.mailbox,
            alike,
            what: value(alike, said).unwrap_or_default(),
        })
    }
}

/// A message that a storm left, with its group; none where its record can't be read.
type Stormy = (Key, Entry, Option<Group>);

/// How many there are of a group, and the first of them.
struct Sum {
    first: (Key, Entry),
    count: u64,
    since: i64,
    until: i64,
}

impl Sum {
    fn of(key: Key, entry: Entry) -> Self {
        let at = entry.received_at;
        Self {
            first: (key, entry),
            count: 0,
            since: at,
            until: at,
        }
    }

    fn add(&mut self, at: i64) {
        self.count += 1;
        self.since = self.since.min(at);
        self.until = self.until.max(at);
    }
}

/// A page of what storms left behind `after`, which moves on; none at the end.
async fn stormy(running: &Running, after: &mut u64) -> Result<Option<Vec<Stormy>>, Refusal> {
    let behind = *after;
    let page = running.read(move |r| {
        let rows = r.list(Stage::Held, behind, PAGE_MAX as usize)?;
        let last = rows.last().map(|row| row.entry.sequence);
        let rows = rows.into_iter();
        let rows = rows.filter(|row| row.entry.reason == Some(Reason::Storm));
        let rows = rows.map(|row| {
            let decision = row.entry.decision.and_then(|at| r.decision(at).ok());
            let group = decision.as_ref().and_then(Group::of);
            (row.key, row.entry, group)
        });
        Ok((last, rows.collect()))
    });
    let (last, page) = page.await?;
    *after = last.unwrap_or(behind);
    Ok(last.map(|_| page))
}

/// Puts a row for each group in front of the first page of what is held.
pub(super) async fn add(
    running: &Running,
    listed: &mut Listed<MessageLine>,
    page: &Page,
) -> Result<(), Refusal> {
    let reasons = page.reason.reasons()?;
    let asked = reasons.is_empty() || reasons.contains(&Reason::Storm);
    let any = running.engine.counters.borrow().of_reason(Reason::Storm) > 0;
    if page.after.is_some() || !asked || !any {
        return Ok(());
    }
    let mut groups: BTreeMap<Group, Sum> = BTreeMap::new();
    let (mut lines, mut all) = (Vec::new(), 0);
    let mut after = 0;
    while let Some(rows) = stormy(running, &mut after).await? {
        for (key, entry, group) in rows {
            let at = entry.received_at;
            match group {
                Some(group) => {
                    let sum = groups.entry(group).or_insert_with(|| Sum::of(key, entry));
                    sum.add(at);
                }
                None => {
                    all += 1;
                    lines.push(running.line(key, &entry).await?);
                }
            }
        }
    }
    for (group, sum) in groups {
        let (key, entry) = &sum.first;
        let line = running.line(*key, entry).await?;
        if page.mailbox.as_ref().is_some_and(|m| *m != line.mailbox) {
            continue;
        }
        all += sum.count;
        lines.push(MessageLine {
            group: Some(GroupLine {
                alike: group.alike.word().to_owned(),
                what: group.what,
                count: sum.count,
                since: Wall(sum.since).to_string(),
                until: Wall(sum.until).to_string(),
            }),
            ..line
        });
    }
    // Without filters the counters have told of all.
    let counted = page.mailbox.is_none() && reasons.is_empty();
    listed.total = listed
        .total
        .map(|total| total + if counted { 0 } else { all });
    lines.append(&mut listed.items);
    listed.items = lines;
    Ok(())
}

/// The group of the one message whose key begins so.
async fn group_of(running: &Running, key: &str) -> Result<Group, Refusal> {
    let (key, entry) = running.find(key).await?;
    let at = entry.decision;
    let decision = running.read(move |r| Ok(at.and_then(|at| r.decision(at).ok())));
    let decision = decision.await?;
    match decision.as_ref().and_then(Group::of) {
        Some(group) if entry.stage == Stage::Held && entry.reason == Some(Reason::Storm) => {
            Ok(group)
        }
        _ => Err(Refusal::new(
            Kind::Refused,
            format!(
                "{} is of no group: only what is held for the reason storm has others like it \
                 (`postern held list --reason storm`)",
                key.short()
            ),
        )),
    }
}

/// A page of the messages of a group, each as a row.
pub(super) async fn members(
    running: &Running,
    key: &str,
    page: &Page,
) -> Result<Listed<MessageLine>, Refusal> {
    let group = group_of(running, key).await?;
    let limit = page.limit.unwrap_or(50).clamp(1, PAGE_MAX) as usize;
    let mut after = match page.after.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => {
            let said = "the page's beginning is not one of ours";
            return Err(Refusal::new(Kind::Usage, said));
        }
    };
    let mut listed = Listed::default();
    let mut last = after;
    while let Some(rows) = stormy(running, &mut after).await? {
        for (key, entry, _) in rows
            .into_iter()
            .filter(|row| row.2.as_ref() == Some(&group))
        {
            if listed.items.len() >= limit {
                listed.next = Some(last.to_string());
                return Ok(listed);
            }
            last = entry.sequence;
            listed.items.push(running.line(key, &entry).await?);
        }
    }
    Ok(listed)
}

/// Makes tickets of all messages of a group, or archives them; asks first.
pub(super) async fn together(
    running: &Running,
    caller: &Caller,
    asked: &Together,
) -> Result<Answer, Refusal> {
    let group = group_of(running, &asked.key).await?;
    let mailbox = running.engine.settings();
    let mailbox = mailbox.mailbox_by_id(group.mailbox);
    let name = mailbox.map_or(super::lists::REMOVED, |m| m.name.as_str());
    let whose = format!(
        "{} \"{}\" in mailbox {name}",
        group.alike.word(),
        group.what
    );
    let (what, by) = match &asked.dismiss {
        None => (ActKind::Convert, "operator".to_owned()),
        Some(reason) if reason.is_empty() => (ActKind::Dismiss, caller.name.clone()),
        Some(reason) => (ActKind::Dismiss, format!("{}: {reason}", caller.name)),
    };
    let become_what = match what {
        ActKind::Convert => "made tickets",
        _ => "archived without a ticket",
    };
    let mut sum: Option<Sum> = None;
    let mut after = 0;
    while let Some(rows) = stormy(running, &mut after).await? {
        let mut acts = Vec::new();
        for (key, entry, _) in rows
            .into_iter()
            .filter(|row| row.2.as_ref() == Some(&group))
        {
            let at = entry.received_at;
            sum.get_or_insert_with(|| Sum::of(key, entry)).add(at);
            acts.push((key, held::act(&running.engine, what, &by)));
        }
        if asked.yes {
            running.engine.act(acts).await?;
        }
    }
    let Some(sum) = sum else {
        let said = format!("nothing of the {whose} is held any more");
        return Ok(Answer::Nothing { said });
    };
    if !asked.yes {
        let said = match sum.count {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        };
        return Ok(Answer::Ask {
            changes: Vec::new(),
            warnings: Vec::new(),
            previews: Vec::new(),
            notes: vec![format!(
                "{said} of the {whose}, received from {} to {}, would be {become_what}.",
                Wall(sum.since),
                Wall(sum.until)
            )],
        });
    }
    log::info!(
        "{} messages of the {whose} are {become_what} by {}",
        sum.count,
        caller.name
    );
    running.look_again(group.mailbox);
    let are = match sum.count {
        1 => "message is",
        _ => "messages are",
    };
    Ok(Answer::Done {
        said: format!("{} {are} {become_what}", sum.count),
        count: sum.count,
    })
}
