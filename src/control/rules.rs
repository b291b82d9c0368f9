//! The operator's rules as commands see them: changed one at a time, and tried at the mail of lately.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::change::Draft;
use super::port::Service;
use super::service::Running;
use super::wire::{How, Refusal};
use crate::engine::rules::{try_out, Found};
pub use crate::settings::Whither;
use crate::settings::{difference, Problem, Settings};
use crate::ticket::Rule;

/// A change of one rule, and how it is made.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What is done.
    pub edit: Edit,
    /// How.
    #[serde(default)]
    pub how: How,
}

/// A change of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// Make it, behind the others.
    Add {
        /// Its name.
        name: String,
        /// What it asks and does: keys without `rule.NAME.`, and values.
        #[serde(default)]
        pairs: Vec<(String, String)>,
    },
    /// Take it out.
    Remove {
        /// Its name.
        name: String,
    },
    /// Give it another name.
    Rename {
        /// Its name.
        name: String,
        /// The new one.
        to: String,
    },
    /// Move it among the others.
    Move {
        /// Its name.
        name: String,
        /// Where it goes.
        whither: Whither,
    },
}

impl Edit {
    /// What it does, in a few words.
    pub(super) fn note(&self) -> String {
        match self {
            Edit::Add { name, .. } => format!("add rule {name}"),
            Edit::Remove { name } => format!("remove rule {name}"),
            Edit::Rename { name, to } => format!("rename rule {name} to {to}"),
            Edit::Move { name, .. } => format!("move rule {name}"),
        }
    }
}

/// Makes the change in a draft.
pub(super) fn edit<S: Service>(service: &S, draft: &mut Draft, edit: &Edit) -> Result<(), Refusal> {
    match edit {
        Edit::Add { name, pairs } => {
            draft.settings.add_rule(name)?;
            let whole = |(key, value): &(String, String)| {
                let key = match key.starts_with("rule.") {
                    true => key.clone(),
                    false => format!("rule.{name}.{key}"),
                };
                (key, value.clone())
            };
            let pairs: Vec<(String, String)> = pairs.iter().map(whole).collect();
            draft.set(service, &pairs)?;
        }
        Edit::Remove { name } => {
            draft.settings.remove_rule(name)?;
        }
        Edit::Rename { name, to } => draft.settings.rename_rule(name, to)?,
        Edit::Move { name, whither } => draft.settings.move_rule(name, whither)?,
    }
    Ok(())
}

/// A message that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Its key, shortened.
    pub key: String,
    /// Its sender.
    pub from: String,
    /// Its subject.
    pub subject: String,
}

/// What came of trying a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedRule {
    /// Its name.
    pub rule: String,
    /// How many of the messages it matches.
    pub matches: u64,
    /// How many can't be told of: more is asked of them than is known here.
    pub untold: u64,
    /// The newest of those that it matches.
    pub first: Vec<Match>,
}

/// What came of trying rules at the mail of lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// At how many messages: the newest that rules are asked about.
    pub looked: u64,
    /// Each active rule, in order.
    pub rules: Vec<TriedRule>,
    /// What is wrong with them beside that.
    pub warnings: Vec<Problem>,
}

impl TriedRule {
    /// The same as a sentence.
    pub fn sentence(&self, looked: u64) -> String {
        let newest = match looked {
            1 => "the newest message".to_owned(),
            _ => format!("the newest {looked} messages"),
        };
        let mut said = match looked {
            0 => format!("rule {}: there is no mail here yet to try it at", self.rule),
            _ => format!("rule {} matches {} of {newest}", self.rule, self.matches),
        };
        for (at, Match { key, from, subject }) in self.first.iter().enumerate() {
            let before = if at == 0 { ": " } else { "; " };
            said.push_str(&format!("{before}{key} {subject:?} from {from}"));
        }
        if self.matches > self.first.len() as u64 {
            said.push_str("; ...");
        }
        if self.untold > 0 {
            said.push_str(&format!(
                " ({} more can't be told of: of what lies on its server, or is not kept any more, only sender, \
                 subject and size are known)",
                self.untold
            ));
        }
        said
    }
}

/// Tries the rules of `settings`, in their order, as they would be asked.
pub(super) async fn tried(running: &Running, settings: &Settings) -> Result<Tried, Refusal> {
    let tried = try_out(&running.engine, settings).await?;
    let active = settings.rules.iter().filter(|rule| rule.active);
    let rules = active.map(|rule| {
        let Found {
            matches,
            untold,
            first,
        } = tried.rules.get(&rule.name).cloned().unwrap_or_default();
        let first = first.into_iter().map(|one| Match {
            key: one.key.short(),
            from: one.sender,
            subject: one.subject,
        });
        TriedRule {
            rule: rule.name.clone(),
            matches,
            untold,
            first: first.collect(),
        }
    });
    let rules = rules.collect();
    let strangers = tried.strangers.into_iter().map(|(rule, company)| Problem {
        key: format!("rule.{rule}.company"),
        value: Some(company),
        said:
            "the portal's directory has no company of that id: `postern directory show` lists them"
                .to_owned(),
    });
    let mut warnings: Vec<Problem> = strangers.collect();
    let ping = running.engine.link.ping.borrow();
    if ping.as_ref().is_some_and(|ping| !ping.takes_marks) {
        let sets = |rule: &&Rule| rule.active && rule.sets_marks();
        warnings.extend(settings.rules.iter().filter(sets).map(|rule| Problem {
            key: format!("rule.{}", rule.name),
            value: None,
            said: "sets queue, priority, category or tags, and the portal does not say that it heeds them \
                   (ticket_marks): they are sent all the same"
                .to_owned(),
        }));
    }
    Ok(Tried {
        looked: tried.looked,
        rules,
        warnings,
    })
}

/// The names of the active rules that a change makes or changes; all where their order changes.
pub(super) fn changed(base: &Settings, settings: &Settings) -> BTreeSet<String> {
    let changes = difference(base, settings);
    let names = changes
        .iter()
        .filter_map(|change| change.key.strip_prefix("rule."));
    let names = names.map(|rest| rest.split('.').next().unwrap_or_default());
    let mut names: BTreeSet<String> = names.map(str::to_owned).collect();
    let moved = changes
        .iter()
        .any(|change| change.key.starts_with("rule ("));
    let active = settings.rules.iter().filter(|rule| rule.active);
    let all: BTreeSet<String> = active.map(|rule| rule.name.clone()).collect();
    names.retain(|name| all.contains(name));
    match moved {
        true => all,
        false => names,
    }
}
