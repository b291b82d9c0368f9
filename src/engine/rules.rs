//! The operator's rules as they are in force, compiled once for each mailbox and settings; and tried, before
//! they are, at the mail of lately.
//!
//! What is tried is decided by [`Ruleset::judge`], as real mail is. Of what is kept here all is asked. Of what
//! lies on its server, or was given back, only sender, subject and size are known: what a rule asks beyond
//! that can't be told there, and is counted.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::reader::Reader;
use super::understand::asked_fields;
use super::{compose, Engine, StoreFault};
use crate::index::Listed;
use crate::mail::{self, Address, Message};
use crate::passage::{MailboxId, Outcome};
use crate::settings::Settings;
use crate::ticket::{bears_sign, Because, Decision, Key, Letter, Reason, Ruleset, Signs};

/// Messages that rules are tried at: the newest.
pub const TRIED_MAX: usize = 200;
/// Octets of kept messages that are read for that; of those beyond only what their records tell is asked.
const OCTETS_MAX: u64 = 32 << 20;
/// Messages that are named of those that a rule matches.
const NAMED_MAX: usize = 5;

/// A message that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Its key.
    pub key: Key,
    /// Whose request it is.
    pub sender: String,
    /// Its subject.
    pub subject: String,
}

/// What came of trying one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many messages it matches.
    pub matches: u64,
    /// How many can't be told of.
    pub untold: u64,
    /// The newest of those that it matches.
    pub first: Vec<Matched>,
}

/// What came of trying rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// At how many messages.
    pub looked: u64,
    /// Each rule that was asked about one of them, by its name.
    pub rules: BTreeMap<String, Found>,
    /// Rules that set a company which the directory does not have, each with its id; nothing is said before
    /// the directory has been read.
    pub strangers: Vec<(String, String)>,
}

/// The rules of each mailbox, and of which settings they are.
#[derive(Default)]
pub(super) struct Compiled(Option<(Rc<Settings>, BTreeMap<MailboxId, Ruleset>)>);

impl Engine {
    /// The rules that are asked about a mailbox's mail, as the settings have them now.
    pub(crate) fn ruleset(&self, mailbox: MailboxId) -> Ruleset {
        let settings = self.settings();
        if settings.rules.is_empty() {
            return Ruleset::default();
        }
        let mut compiled = self.rules.borrow_mut();
        if !compiled
            .0
            .as_ref()
            .is_some_and(|(of, _)| Rc::ptr_eq(of, &settings))
        {
            compiled.0 = Some((Rc::clone(&settings), rulesets(&settings)));
        }
        let rulesets = compiled.0.as_ref().map(|(_, rulesets)| rulesets);
        let ruleset = rulesets.and_then(|rulesets| rulesets.get(&mailbox));
        ruleset.cloned().unwrap_or_default()
    }
}

/// Tries the rules of `settings` at the newest messages, one at a turn of the reader's thread. Changes nothing.
pub async fn try_out(engine: &Rc<Engine>, settings: &Settings) -> Result<Tried, StoreFault> {
    let sets = rulesets(settings);
    let newest = engine.reader.ask(|r| r.newest(TRIED_MAX)).await??;
    let mut tried = Tried::default();
    let signs = Signs::clone(&engine.signs());
    let mut left = OCTETS_MAX;
    for listed in newest {
        let Some(set) = sets.get(&listed.entry.mailbox).cloned() else {
            continue;
        };
        let whole = listed.entry.message.is_some() && listed.entry.octets <= left;
        if whole {
            left -= listed.entry.octets;
        }
        let signs = signs.clone();
        let asked = engine
            .reader
            .ask(move |r| one(r, &set, &signs, &listed, whole));
        let Some((matched, asked)) = asked.await?? else {
            continue;
        };
        tried.looked += 1;
        for (rule, answer) in asked {
            let found = tried.rules.entry(rule).or_default();
            match answer {
                Answer::Matches => {
                    found.matches += 1;
                    if found.first.len() < NAMED_MAX {
                        found.first.push(matched.clone());
                    }
                }
                Answer::Untold => found.untold += 1,
                Answer::No => {}
            }
        }
    }
    let companies = settings.rules.iter();
    let companies = companies.filter_map(|rule| Some((rule.name.clone(), rule.company.clone()?)));
    let mut companies: Vec<(String, String)> = companies.collect();
    let of = engine.directory.of.borrow().clone();
    if engine.serves(&of) && !companies.is_empty() {
        let unknown = engine.reader.ask(move |r| {
            if !r.view().directory()?.is_complete() {
                return Ok(Vec::new());
            }
            let mut unknown = Vec::new();
            for (rule, company) in companies.drain(..) {
                if r.view().company(&company)?.is_none() {
                    unknown.push((rule, company));
                }
            }
            Ok::<_, StoreFault>(unknown)
        });
        tried.strangers = unknown.await??;
    }
    Ok(tried)
}

/// What each rule that was asked says of a message, by its name.
type Answers = Vec<(String, Answer)>;

/// What a rule says of a message.
enum Answer {
    Matches,
    No,
    Untold,
}

/// Asks the rules about one message; nothing where no rule is asked about such a one.
fn one(
    reader: &Reader,
    set: &Ruleset,
    signs: &Signs,
    listed: &Listed,
    whole: bool,
) -> Result<Option<(Matched, Answers)>, StoreFault> {
    let Listed { key, entry } = listed;
    let decision = match entry.decision.map(|at| reader.decision(at)) {
        Some(Ok(decision)) => decision,
        // Its record is damaged, or given back meanwhile: it tells nothing.
        None | Some(Err(StoreFault::Torn { .. } | StoreFault::Broken { .. })) => return Ok(None),
        Some(Err(fault)) => return Err(fault),
    };
    let became = match &decision.outcome {
        Outcome::Ticket { user, company } => Decision::Ticket {
            user: user.clone(),
            company: company.clone(),
            about: decision.about,
        },
        // By other rules it would have been a ticket.
        Outcome::Held(Reason::HeldByRule) | Outcome::Ignored(Reason::IgnoredByRule) => {
            Decision::Ticket {
                user: None,
                company: None,
                about: None,
            }
        }
        Outcome::Held(reason) => Decision::Held(*reason),
        Outcome::Ignored(_) => return Ok(None),
    };
    let kept = match (whole, entry.message) {
        (true, Some(stored)) => match compose::understood(reader, stored) {
            Ok((mut message, _)) => {
                if !set.fields().is_empty() {
                    let raw = reader.raw_at(stored)?;
                    let octets = reader.raw(raw, 0, mail::SECTION_MAX)?;
                    message.fields = asked_fields(&octets, set);
                }
                Some(message)
            }
            Err(StoreFault::Torn { .. } | StoreFault::Broken { .. }) => None,
            Err(fault) => return Err(fault),
        },
        _ => None,
    };
    let of_record = kept.is_none();
    let message = kept.unwrap_or_else(|| Message {
        subject: Some(decision.subject.clone()),
        ..Message::default()
    });
    let address = Address {
        name: None,
        address: decision.sender.clone(),
    };
    let letter = Letter {
        message: &message,
        sender: (!address.address.is_empty()).then_some(&address),
        octets: entry.octets,
        answers: bears_sign(&message, signs),
    };
    let mut asked = Vec::new();
    set.judge(became, &letter, false, |because| {
        if let Because::Rule(rule) = because() {
            let answer = match rule.fails {
                None if !rule.passed_over => Answer::Matches,
                Some(_) if of_record && !set.is_of_record(&rule.rule) => Answer::Untold,
                _ => Answer::No,
            };
            asked.push((rule.rule, answer));
        }
    });
    let matched = Matched {
        key: *key,
        sender: decision.sender,
        subject: decision.subject,
    };
    Ok((!asked.is_empty()).then_some((matched, asked)))
}

/// The rules of each mailbox.
fn rulesets(settings: &Settings) -> BTreeMap<MailboxId, Ruleset> {
    let mailboxes = settings.mailboxes.iter();
    let of = mailboxes.map(|mailbox| (mailbox.id, Ruleset::of(&settings.rules, &mailbox.name)));
    of.collect()
}

/// The mailboxes in which what is held for want of a sender may be ignored by now, or no longer.
pub(super) fn ignore_otherwise(before: &Settings, now: &Settings) -> Vec<MailboxId> {
    if before.rules == now.rules {
        return Vec::new();
    }
    let (before, now) = (rulesets(before), rulesets(now));
    let none = Ruleset::default();
    let differs = |(id, now): &(&MailboxId, &Ruleset)| {
        let before = before.get(id).unwrap_or(&none);
        before != *now && (before.ignores() || now.ignores())
    };
    now.iter().filter(differs).map(|(id, _)| *id).collect()
}
