//! What the records of one message mean, a line for each.
//!
//! Records that were copied when older ones were given up are told as what they are, and not at all
//! where what they repeat has just been told.

use std::collections::{BTreeMap, BTreeSet};

use super::LifeLine;
use crate::control::lists::REMOVED;
use crate::engine::account;
use crate::passage::record::{Act, ActKind, Archived, Decision, MessageHead, Receipt, Refusal};
use crate::passage::{Entry, Kind, MailboxId, Origin, Outcome, Place, Record, Stored};
use crate::settings::Settings;
use crate::ticket::{Omission, Reason};
use crate::world::Wall;

/// The place of what was made a ticket again: nowhere.
const NOWHERE: Origin = Origin([0; 8]);

/// The lines of these records, which are in the journal's order.
pub(super) fn lines(records: &[(Stored, Record)], settings: &Settings) -> Vec<LifeLine> {
    let mut teller = Teller {
        settings,
        fetched_at: BTreeMap::new(),
        decided: BTreeSet::new(),
        words: BTreeSet::new(),
    };
    for (_, record) in records {
        if let Record::Decision(decision) = record {
            // What is made a ticket again has a copy of the octets, and their head still has the place.
            let decided = (decision.decided_at, is_nowhere(&decision.place));
            teller
                .fetched_at
                .extend(decision.message.map(|m| (m, decided)));
        }
    }
    let told = records.iter();
    told.filter_map(|(stored, record)| teller.line(*stored, record))
        .collect()
}

struct Teller<'s> {
    settings: &'s Settings,
    /// When the messages were decided, by where their octets stand; and whether they were here before.
    fetched_at: BTreeMap<Stored, (i64, bool)>,
    /// Decisions that were told.
    decided: BTreeSet<u64>,
    /// Refusals and acts that were told, as they stand in the journal.
    words: BTreeSet<Vec<u8>>,
}

fn new(at: Option<i64>, event: &str, said: impl Into<String>) -> LifeLine {
    LifeLine {
        at: at.map(|at| Wall(at).to_string()),
        event: event.to_owned(),
        said: said.into(),
        ..LifeLine::default()
    }
}

impl LifeLine {
    /// For this reason, with what can be done about it.
    fn because(self, reason: Reason) -> LifeLine {
        LifeLine {
            said: match self.said.as_str() {
                "" => format!("{reason}: {}", reason.explain()),
                said => format!("{reason}: {} {said}", reason.explain()),
            },
            reason: Some(reason.code().to_owned()),
            mend: Some(reason.mend().to_owned()),
            ..self
        }
    }
}

impl LifeLine {
    /// By which rule, and why, where one says so.
    fn by_rule(self, decision: &Decision) -> LifeLine {
        match decision.marks.as_ref().and_then(|marks| marks.said()) {
            Some(by) => LifeLine {
                said: format!("{} By {by}", self.said),
                ..self
            },
            None => self,
        }
    }
}

impl Teller<'_> {
    fn line(&mut self, stored: Stored, record: &Record) -> Option<LifeLine> {
        Some(match record {
            Record::Message(head) => self.message(head, self.fetched_at.get(&stored).copied()),
            // Where it was about to be understood; nothing is written of it yet.
            Record::Trying(_) => return None,
            Record::Decision(decision) => {
                self.decided.insert(decision.sequence);
                self.decision(decision)
            }
            Record::Copied(decision) => {
                // The one that it repeats was just told.
                if !self.decided.insert(decision.sequence) {
                    return None;
                }
                copied(self.decision(decision))
            }
            Record::Receipt(receipt) => self::receipt(receipt),
            Record::Refused(refusal) => {
                self.words.insert(record.encode());
                self::refused(refusal)
            }
            Record::Act(act) => {
                self.words.insert(record.encode());
                acted(act)
            }
            Record::Words(_) => return self.words(record),
            Record::Archived(archived) => self.archived(archived),
            Record::Retired => new(
                None,
                "retired",
                "its octets may go from here: their time is over, or the room was needed",
            ),
            Record::Alias(alias) => {
                let line = new(None, "again", "");
                let line = self.at(line, alias.mailbox, &alias.place);
                LifeLine {
                    said: format!("the same message lies in {} too", self.place(&alias.place)),
                    ..line
                }
            }
            Record::Snapshot(entry) => self.snapshot(entry),
        })
    }

    fn mailbox(&self, id: MailboxId) -> String {
        let mailbox = self.settings.mailbox_by_id(id);
        mailbox.map_or_else(|| REMOVED.to_owned(), |m| m.name.clone())
    }

    /// The folder of a place, where a mailbox has it yet.
    fn folder(&self, origin: Origin) -> Option<&str> {
        let mut mailboxes = self.settings.mailboxes.iter();
        let mailbox = mailboxes.find(|m| account::origin(m) == origin);
        mailbox.map(|m| m.folder.as_str())
    }

    fn place(&self, place: &Place) -> String {
        match place {
            Place::Imap {
                origin,
                uid_validity,
                uid,
            } => match self.folder(*origin) {
                Some(folder) => format!("folder {folder}, UID {uid} (UIDVALIDITY {uid_validity})"),
                None => format!(
                    "a folder that is no longer watched, UID {uid} (UIDVALIDITY {uid_validity})"
                ),
            },
            Place::Item { id, .. } => format!("item {id}"),
        }
    }

    /// With mailbox and place.
    fn at(&self, line: LifeLine, mailbox: MailboxId, place: &Place) -> LifeLine {
        let (folder, uid, uid_validity) = match place {
            Place::Imap {
                origin,
                uid_validity,
                uid,
            } => (self.folder(*origin), Some(uid.0), Some(uid_validity.0)),
            Place::Item { origin, .. } => (self.folder(*origin), None, None),
        };
        LifeLine {
            mailbox: Some(self.mailbox(mailbox)),
            folder: folder.map(str::to_owned),
            uid,
            uid_validity,
            ..line
        }
    }

    fn message(&self, head: &MessageHead, fetched_at: Option<(i64, bool)>) -> LifeLine {
        let Some((at, is_again)) = fetched_at else {
            let said = format!("its {} octets, as they were", head.octets);
            return copied(new(None, "", said));
        };
        if is_again {
            let said = "of the octets that were kept here: another ticket, as the operator wished";
            return new(Some(at), "again", said);
        }
        let said = format!(
            "from {} of mailbox {}: {} octets, received by the server at {}",
            self.place(&head.place),
            self.mailbox(head.mailbox),
            head.octets,
            Wall(head.received_at)
        );
        self.at(new(Some(at), "fetched", said), head.mailbox, &head.place)
    }

    fn decision(&self, decision: &Decision) -> LifeLine {
        let at = Some(decision.decided_at);
        let lies = || format!("It lies in {}.", self.place(&decision.place));
        let line = match &decision.outcome {
            Outcome::Ticket { user, company } => {
                let whose = match (user, company) {
                    (Some(user), Some(company)) => format!("user {user} of company {company}"),
                    (Some(user), None) => format!("user {user}, of no company"),
                    (None, _) => "nobody whom the directory knows".to_owned(),
                };
                let early = match decision.archive_early {
                    true => "; it is archived without waiting for the portal",
                    false => "",
                };
                let what = match &decision.about {
                    Some(about) if about.append => {
                        let root = about.root.short();
                        format!("it goes into the ticket that began with {root}, from {whose}")
                    }
                    Some(about) => {
                        let root = about.root.short();
                        format!("it becomes a ticket of {whose}, and points at the one that began with {root}")
                    }
                    None => format!("it becomes a ticket of {whose}"),
                };
                let without = without(&decision.omitted, "the mailbox's settings");
                let by_rules = decision.marks.as_ref().map_or_else(String::new, |marks| {
                    format!("; rules had a say: {}", marks.rules.join(", "))
                });
                new(at, "committed", format!("{what}{by_rules}{without}{early}"))
            }
            Outcome::Held(reason) => new(at, "held", lies()).because(*reason).by_rule(decision),
            Outcome::Ignored(reason) => new(at, "ignored", lies())
                .because(*reason)
                .by_rule(decision),
        };
        match is_nowhere(&decision.place) {
            true => line,
            false => self.at(line, decision.mailbox, &decision.place),
        }
    }

    fn archived(&self, archived: &Archived) -> LifeLine {
        let place = self.place(&archived.place);
        if is_nowhere(&archived.place) {
            return new(None, "left", "it lies nowhere: there is nothing to archive");
        }
        if archived.folder.is_empty() {
            let said = format!(
                "{place}: this place is given up, since it is another account's, or of an earlier life of the UIDs"
            );
            return new(None, "left", said);
        }
        let to = match archived.moved_to {
            Some((validity, uid)) => format!(", UID {uid} (UIDVALIDITY {validity})"),
            None => "; under which UID the server did not say, or it was no longer at its place"
                .to_owned(),
        };
        LifeLine {
            folder: Some(archived.folder.clone()),
            uid: archived.moved_to.map(|(_, uid)| uid),
            uid_validity: archived.moved_to.map(|(validity, _)| validity),
            ..new(
                None,
                "archived",
                format!("from {place} into folder {}{to}", archived.folder),
            )
        }
    }

    /// What a refusal or an act says, copied; nothing where that was just told.
    fn words(&mut self, record: &Record) -> Option<LifeLine> {
        // Its payload is that of what was copied.
        let octets = record.encode();
        let read = |kind: Kind| Record::decode(kind as u8, &octets).ok();
        let line = match (read(Kind::Act), read(Kind::Refused)) {
            (Some(Record::Act(act)), _) if act.what == ActKind::Dismiss => acted(&act),
            (_, Some(Record::Refused(refusal))) => refused(&refusal),
            _ => return None,
        };
        self.words.insert(octets).then(|| copied(line))
    }

    fn snapshot(&self, entry: &Entry) -> LifeLine {
        let mut said = format!(
            "older records of it are given up; this is what was kept: it was {} since {}",
            entry.stage,
            Wall(entry.changed_at)
        );
        if let Some(reason) = entry.no_ticket_for() {
            said.push_str(&format!(" ({reason})"));
        }
        if let Some(ticket) = &entry.ticket {
            said.push_str(&format!(", ticket {ticket}"));
        }
        if entry.archived {
            said.push_str(", archived");
        }
        said.push_str(match entry.message {
            Some(_) => "; its octets are kept",
            None => "; its octets are not kept",
        });
        LifeLine {
            ticket: entry.ticket.clone(),
            reason: entry.no_ticket_for().map(|r| r.code().to_owned()),
            mailbox: Some(self.mailbox(entry.mailbox)),
            ..new(None, "kept", said)
        }
    }
}

fn is_nowhere(place: &Place) -> bool {
    matches!(place, Place::Item { origin, .. } if *origin == NOWHERE)
}

/// A line of what was copied: when that was is not written down, what it says keeps its own time.
fn copied(line: LifeLine) -> LifeLine {
    let said = match line.event.as_str() {
        "" => format!("copied, since older records were given up: {}", line.said),
        event => format!(
            "copied, since older records were given up: {event}: {}",
            line.said
        ),
    };
    LifeLine {
        event: "kept".to_owned(),
        said,
        ..line
    }
}

/// How many files a ticket goes without, by whom and why; its text names them.
fn without(omitted: &[Omission], by: &str) -> String {
    let files = match omitted {
        [] => return String::new(),
        [_] => "1 file".to_owned(),
        several => format!("{} files", several.len()),
    };
    let whys: BTreeSet<&str> = omitted.iter().map(|o| o.why.code()).collect();
    let whys: Vec<&str> = whys.into_iter().collect();
    format!(
        "; without {files}, by {by} ({}), which it names",
        whys.join(", ")
    )
}

fn receipt(receipt: &Receipt) -> LifeLine {
    let number = match &receipt.number {
        Some(number) => format!(" (number {number})"),
        None => String::new(),
    };
    let epoch = match receipt.epoch.as_str() {
        "" => "; the portal has no epoch".to_owned(),
        epoch => format!("; the portal's epoch is {epoch}"),
    };
    let without = without(&receipt.omitted, "the portal's limits");
    LifeLine {
        ticket: Some(receipt.ticket.clone()),
        epoch: Some(receipt.epoch.clone()).filter(|epoch| !epoch.is_empty()),
        ..new(
            Some(receipt.at),
            "forwarded",
            format!("ticket {}{number}{without}{epoch}", receipt.ticket),
        )
    }
}

fn refused(refusal: &Refusal) -> LifeLine {
    LifeLine {
        reason: Some(Reason::Refused.code().to_owned()),
        mend: Some(Reason::Refused.mend().to_owned()),
        ..new(Some(refusal.at), "refused", refusal.said.clone())
    }
}

fn acted(act: &Act) -> LifeLine {
    let (by, why) = match (act.what, act.by.split_once(": ")) {
        (ActKind::Dismiss, Some((by, why))) => (by, Some(why)),
        _ => (act.by.as_str(), None),
    };
    let who = match by {
        "operator" | "directory" | "settings" | "server" | "portal" | "journal" => {
            format!("the {by}")
        }
        user => user.to_owned(),
    };
    let (event, said) = match act.what {
        ActKind::Release => (
            "released",
            format!("it is fetched and decided again: {who}"),
        ),
        ActKind::Convert => (
            "released",
            format!("it is fetched and becomes a ticket, whoever wrote it: {who}"),
        ),
        ActKind::Dismiss => (
            "dismissed",
            match why {
                Some(why) => format!("archived without a ticket, by {who}: {why}"),
                None => format!("archived without a ticket, by {who}"),
            },
        ),
        ActKind::Retry => ("retried", format!("the portal is to be asked again: {who}")),
        ActKind::Close(_) => ("closed", String::new()),
        ActKind::Refetch => (
            "released",
            "its octets can't be read here any more: it is fetched again".to_owned(),
        ),
        ActKind::Lost => (
            "lost",
            "the portal lost its ticket when it was restored".to_owned(),
        ),
    };
    let line = LifeLine {
        by: Some(by.to_owned()),
        ..new(Some(act.at), event, said)
    };
    match act.what {
        ActKind::Close(reason) => line.because(reason),
        ActKind::Dismiss => LifeLine {
            reason: Some(Reason::Dismissed.code().to_owned()),
            mend: Some(Reason::Dismissed.mend().to_owned()),
            ..line
        },
        _ => line,
    }
}

#[cfg(test)]
mod tests;
