//! The operator's own rules: an ordered list, asked of what would become a new ticket.
//!
//! 1. A [`Rule`] is what the operator wrote: conditions, all of which are needed, and what it does.
//! 2. A [`Ruleset`] is the active rules of one mailbox, compiled; empty it is nothing, and costs nothing.
//! 3. [`Ruleset::judge`] comes behind [`decide()`](super::decide): it may hold or ignore what that made a ticket,
//!    and gives the [`Marks`] that the ticket carries.
//!
//! They are asked in their order. A rule that matches ends the asking, unless it says `then = continue`; one that
//! holds or ignores always ends it. Of several that set the same thing the first one counts; tags add up.
//!
//! What no rule may do:
//! - send a reply elsewhere, or keep it from its ticket: what goes into a ticket is not asked about;
//! - lift a protection: rules are asked last. Of what is held since its sender is unknown they may only say that
//!   it is to be ignored;
//! - hold or ignore what the operator wants, or what can't be read: such rules are passed over there.
//!
//! A company that a rule sets goes to the portal. Who may write into the ticket stays the directory's to say, while
//! it is remembered here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::decision::{Because, Decision};
use super::reason::Reason;

mod condition;
mod pattern;

pub use condition::Letter;
pub use pattern::{Pattern, PATTERN_MAX};

use condition::{conditions, Condition};

/// Rules that there may be.
pub const RULES_MAX: usize = 100;

/// What a rule does with a message that it matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It sets what the rule says on the ticket.
    #[default]
    Set,
    /// It is held, with the rule's reason.
    Hold,
    /// It is archived without a ticket, with the rule's reason.
    Ignore,
}

/// What follows a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// No further rule is asked.
    #[default]
    Stop,
    /// The rules behind it are asked too.
    Continue,
}

/// A rule, as the operator wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What the operator calls it.
    pub name: String,
    /// Whether it is asked.
    pub active: bool,
    /// The only mailbox whose mail it is asked about.
    pub mailbox: Option<String>,
    /// Whose request it is: addresses and domains, with a space between.
    pub sender: Option<String>,
    /// The same as a pattern.
    pub sender_regex: Option<String>,
    /// Somebody in To or Cc: addresses and domains, with a space between.
    pub recipient: Option<String>,
    /// The same as a pattern.
    pub recipient_regex: Option<String>,
    /// Stands in the subject.
    pub subject: Option<String>,
    /// The same as a pattern.
    pub subject_regex: Option<String>,
    /// The name of a field of the header.
    pub header: Option<String>,
    /// Stands in that field.
    pub header_value: Option<String>,
    /// The same as a pattern.
    pub header_regex: Option<String>,
    /// Kinds of attachments, of which it has one.
    pub attachment: Option<String>,
    /// Octets that it has at least; 0: any.
    pub size_min: u64,
    /// Octets that it has at most; 0: any.
    pub size_max: u64,
    /// What is done.
    pub action: Action,
    /// Why it is held or ignored, for whoever asks.
    pub reason: Option<String>,
    /// The portal's queue.
    pub queue: Option<String>,
    /// The ticket's priority.
    pub priority: Option<String>,
    /// The ticket's category.
    pub category: Option<String>,
    /// The company's id in the directory.
    pub company: Option<String>,
    /// Tags, with a space between.
    pub tags: Option<String>,
    /// What follows.
    pub then: Then,
}

impl Rule {
    /// A fresh rule: every setting at its default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            active: true,
            ..Self::default()
        }
    }

    /// Whether it asks nothing of a message.
    pub fn asks_nothing(&self) -> bool {
        conditions(self).is_empty()
    }

    /// Whether a message that it matches is asked about by no rule behind it.
    pub fn ends(&self) -> bool {
        self.action != Action::Set || self.then == Then::Stop
    }

    /// Whether it sets anything on a ticket.
    pub fn sets_something(&self) -> bool {
        self.sets_marks() || self.company.is_some()
    }

    /// Whether it sets what only a portal can heed.
    pub fn sets_marks(&self) -> bool {
        let all = [&self.queue, &self.priority, &self.category, &self.tags];
        all.iter().any(|set| set.is_some())
    }

    /// What it sets on a ticket, a word and a value each.
    fn sets(&self) -> Vec<String> {
        let all = [
            ("queue", &self.queue),
            ("priority", &self.priority),
            ("category", &self.category),
            ("company", &self.company),
            ("tags", &self.tags),
        ];
        let set = all
            .into_iter()
            .filter_map(|(what, value)| Some((what, value.as_deref()?)));
        set.map(|(what, value)| format!("{what} {value}")).collect()
    }

    /// Whether another asks the same of the same mail, whatever either does.
    pub fn asks_as(&self, other: &Self) -> bool {
        let bare = |rule: &Self| Self {
            name: String::new(),
            active: true,
            action: Action::Set,
            reason: None,
            queue: None,
            priority: None,
            category: None,
            company: None,
            tags: None,
            then: Then::Stop,
            ..rule.clone()
        };
        bare(self) == bare(other)
    }
}

/// What rules say of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The names of the rules that had a say, in order.
    pub rules: Vec<String>,
    /// The portal's queue.
    pub queue: Option<String>,
    /// The ticket's priority.
    pub priority: Option<String>,
    /// The ticket's category.
    pub category: Option<String>,
    /// The company's id in the directory.
    pub company: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Why it is held or ignored, in the operator's own words.
    pub why: Option<String>,
}

impl Marks {
    /// Of what is held or ignored: the rule's name and its reason.
    pub fn said(&self) -> Option<String> {
        let name = self.rules.last()?;
        let why = self.why.as_deref()?;
        Some(format!("rule {name}: {why}"))
    }

    fn take(&mut self, rule: &Rule) {
        self.rules.push(rule.name.clone());
        let first = |had: &mut Option<String>, set: &Option<String>| {
            if had.is_none() {
                had.clone_from(set);
            }
        };
        first(&mut self.queue, &rule.queue);
        first(&mut self.priority, &rule.priority);
        first(&mut self.category, &rule.category);
        first(&mut self.company, &rule.company);
        for tag in rule.tags.as_deref().unwrap_or_default().split_whitespace() {
            if !self.tags.iter().any(|had| had == tag) {
                self.tags.push(tag.to_owned());
            }
        }
    }
}

/// What a rule was asked, and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its name.
    pub rule: String,
    /// The settings of its conditions that hold.
    pub holds: Vec<String>,
    /// The setting of the first one that does not; then none behind it was asked.
    pub fails: Option<String>,
    /// What it sets on a ticket, a word and a value each.
    pub sets: Vec<String>,
    /// It matched, and may not do that to this message.
    pub passed_over: bool,
    /// What it does.
    pub action: Action,
    /// Why, where it holds or ignores.
    pub why: Option<String>,
}

struct Compiled {
    rules: Vec<Rule>,
    asks: Vec<Vec<Condition>>,
    fields: Vec<String>,
    digest: u64,
}

/// The active rules of one mailbox.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Rule>", into = "Vec<Rule>")]
pub struct Ruleset(Option<Arc<Compiled>>);

impl From<Vec<Rule>> for Ruleset {
    fn from(mut rules: Vec<Rule>) -> Self {
        rules.truncate(RULES_MAX);
        if rules.is_empty() {
            return Self(None);
        }
        let asks: Vec<Vec<Condition>> = rules.iter().map(conditions).collect();
        let fields = asks.iter().flatten().filter_map(Condition::field);
        let mut fields: Vec<String> = fields.map(str::to_owned).collect();
        fields.sort();
        fields.dedup();
        let octets = serde_json::to_vec(&rules).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(&octets).into();
        let digest = digest.iter().take(8);
        let digest = digest.fold(0, |sum, octet| sum << 8 | u64::from(*octet));
        Self(Some(Arc::new(Compiled {
            asks,
            fields,
            digest,
            rules,
        })))
    }
}

impl From<Ruleset> for Vec<Rule> {
    fn from(set: Ruleset) -> Self {
        set.rules().to_vec()
    }
}

impl PartialEq for Ruleset {
    fn eq(&self, other: &Self) -> bool {
        self.rules() == other.rules()
    }
}

impl Eq for Ruleset {}

impl std::fmt::Debug for Ruleset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.rules()).finish()
    }
}

impl Ruleset {
    /// Of all rules those that are asked about the mail of the mailbox of that name.
    pub fn of(rules: &[Rule], mailbox: &str) -> Self {
        let asked = |rule: &&Rule| {
            rule.active && rule.mailbox.as_deref().is_none_or(|only| only == mailbox)
        };
        rules
            .iter()
            .filter(asked)
            .cloned()
            .collect::<Vec<_>>()
            .into()
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        self.0.as_ref().map_or(&[], |set| &set.rules)
    }

    /// The names of the fields of a header that they ask about, in lower case.
    pub fn fields(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |set| &set.fields)
    }

    /// By what they are known; 0 where there are none.
    pub fn digest(&self) -> u64 {
        self.0.as_ref().map_or(0, |set| set.digest)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether one of them ignores mail.
    pub fn ignores(&self) -> bool {
        self.rules()
            .iter()
            .any(|rule| rule.action == Action::Ignore)
    }

    /// Whether the rule of that name asks what a message's record tells: sender, subject and size.
    pub fn is_of_record(&self, name: &str) -> bool {
        let set = self.0.as_ref();
        let mut all = set
            .into_iter()
            .flat_map(|set| set.rules.iter().zip(&set.asks));
        all.any(|(rule, asks)| rule.name == name && asks.iter().all(Condition::is_of_record))
    }

    /// Asks them about a message of which this was decided; `wanted` by the operator, or not to be read. Each
    /// that was asked is told of, where somebody wants to hear it.
    pub fn judge(
        &self,
        decision: Decision,
        letter: &Letter<'_>,
        wanted: bool,
        mut told: impl FnMut(&dyn Fn() -> Because),
    ) -> (Decision, Option<Box<Marks>>) {
        let Some(set) = &self.0 else {
            return (decision, None);
        };
        let held = match &decision {
            // Perhaps a reply, into a ticket that only the portal knows: it is asked when this is sent.
            Decision::Ticket { about: None, .. } | Decision::Held(_) if letter.answers => {
                return (decision, None);
            }
            Decision::Ticket { about, .. } if about.is_none_or(|about| !about.append) => false,
            Decision::Held(Reason::UnknownSender) => true,
            _ => return (decision, None),
        };
        let wanted = wanted || letter.message.unparsed;
        let mut marks = Marks::default();
        for (rule, asks) in set.rules.iter().zip(&set.asks) {
            let failed = asks.iter().position(|condition| !condition.holds(letter));
            let may = match rule.action {
                Action::Set => !held,
                Action::Hold => !held && !wanted,
                Action::Ignore => !wanted,
            };
            told(&|| {
                let good = asks.iter().take(failed.unwrap_or(asks.len()));
                let fails = failed.and_then(|at| asks.get(at));
                Because::Rule(Asked {
                    rule: rule.name.clone(),
                    holds: good.map(|condition| condition.key.to_owned()).collect(),
                    fails: fails.map(|condition| condition.key.to_owned()),
                    sets: rule.sets(),
                    passed_over: failed.is_none() && !may,
                    action: rule.action,
                    why: rule.reason.clone(),
                })
            });
            if failed.is_some() {
                continue;
            }
            let reason = match rule.action {
                _ if !may => None,
                Action::Set => {
                    marks.take(rule);
                    None
                }
                Action::Hold => Some(Decision::Held(Reason::HeldByRule)),
                Action::Ignore => Some(Decision::Ignored(Reason::IgnoredByRule)),
            };
            if let Some(decision) = reason {
                let marks = Marks {
                    rules: vec![rule.name.clone()],
                    why: Some(rule.reason.clone().unwrap_or_default()),
                    ..Marks::default()
                };
                return (decision, Some(Box::new(marks)));
            }
            // A rule that only sets ends the asking of what is held as it would end a ticket's: what is
            // ignored doesn't depend on whether the directory knows its sender by now.
            let passed_over_ending = rule.action != Action::Set && !may;
            if rule.ends() && !passed_over_ending {
                break;
            }
        }
        let marks = (!marks.rules.is_empty()).then(|| Box::new(marks));
        (decision, marks)
    }
}

#[cfg(test)]
mod tests;
