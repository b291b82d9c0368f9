//! What would become of messages by other settings than those in force.
//!
//! 1. `both` reads the other settings once, and tells of them what decides about a mailbox's mail: its
//!    [`Terms`].
//! 2. These come back with each message, and `compare` judges it by them and by the settings in force,
//!    after one look-up: the same people, the same index.
//!
//! So a request stays small whatever file the settings lie in, and the service keeps nothing for a caller.
//! Nothing is put in force. No secret is needed, so none is asked for, and the checks of the whole, which
//! want them, are left to the import.

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

use super::explain::{self, key, told, wrong, Arrival, Asked, Explanation, Mail, Step};
use super::port::Service;
use super::service::Running;
use super::wire::Refusal;
use crate::engine::decide;
use crate::settings::{import, Mailbox, Settings};
use crate::ticket::{differing, Rules, Ruleset};

/// The settings that those in force are compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    /// A file's, read as an import reads it.
    Toml(String),
    /// A revision's, as a rollback takes them.
    Revision(u64),
}

/// What is asked about other settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// Whose mail it is about; the only mailbox in force when absent.
    #[serde(default)]
    pub mailbox: Option<String>,
    /// Which settings.
    pub others: Others,
}

/// What settings have of a mailbox that decides about its mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What they call it.
    pub mailbox: String,
    /// What its delivery keys are made from.
    pub identity: Option<String>,
    /// What they make of its mail.
    pub rules: Rules,
}

/// A mailbox in the settings in force and in the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Both {
    /// In force.
    pub now: Terms,
    /// In the others.
    pub then: Terms,
    /// What else there is to know before the two are compared.
    pub notes: Vec<String>,
}

/// What is asked about a message that is judged by both.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The message, and where it comes in now.
    pub asked: Asked,
    /// The other settings' terms.
    pub then: Terms,
    /// Its delivery key by those.
    #[serde(default)]
    pub key: Option<String>,
}

/// A question that is answered otherwise; nothing where it is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// The answer by the settings in force.
    pub now: Option<Step>,
    /// The answer by the others.
    pub then: Option<Step>,
}

/// What becomes of a message, and what would by other settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// By the settings in force.
    pub now: Explanation,
    /// By the others.
    pub then: Explanation,
    /// Whether something else becomes of it.
    pub elsewhere: bool,
    /// The questions that are answered otherwise, in order.
    pub differs: Vec<Differing>,
}

impl Comparison {
    /// Whether it has been here before, by both: then no settings change what became of it.
    pub fn seen_before(&self) -> bool {
        let seen = |e: &Explanation| e.steps.iter().any(|step| step.code == "seen-before");
        seen(&self.now) && seen(&self.then)
    }
}

impl Mail {
    /// The whole as a document, described in `config/explain.schema.json`; `settings` as they were named.
    pub fn compared(
        &self,
        file: &str,
        settings: &str,
        comparison: &Comparison,
        notes: &[String],
    ) -> Value {
        let mut document = self.document(file, &comparison.now);
        if let Some(members) = document.as_object_mut() {
            let against = json!({
                "settings": settings,
                "elsewhere": comparison.elsewhere,
                "explanation": comparison.then,
                "differs": comparison.differs,
                "notes": notes,
            });
            members.insert("against".to_owned(), against);
        }
        document
    }
}

/// Reads the other settings, and finds the mailbox in them.
pub(super) fn both<S: Service>(service: &S, against: &Against) -> Result<Both, Refusal> {
    let history = service.history();
    let now = history.base();
    let then = match &against.others {
        Others::Toml(toml) => {
            let read = service.with_zones(|zones| import(toml, &now, zones));
            read.map_err(|fault| {
                let refusal = Refusal::from(fault);
                // One to a line, each with its key.
                let between = if refusal.problems.len() > 1 {
                    '\n'
                } else {
                    ' '
                };
                Refusal {
                    said: format!("the other settings are wrong:{between}{}", refusal.said),
                    ..refusal
                }
            })?
            .settings
        }
        Others::Revision(number) => history.rollback(*number)?,
    };
    let (ours, theirs) = pair(&now, &then, against.mailbox.as_deref())?;
    let mut notes = notes(&now, &then, ours, theirs);
    if let Some(until) = history.waits_until() {
        notes.push(format!(
            "Revision {} waits to be confirmed, and is undone at {until} if nobody does: \"now\" is by it.",
            history.number()
        ));
    }
    Ok(Both {
        now: terms(ours, &now),
        then: terms(theirs, &then),
        notes,
    })
}

fn terms(mailbox: &Mailbox, settings: &Settings) -> Terms {
    Terms {
        mailbox: mailbox.name.clone(),
        identity: mailbox.key_identity(),
        rules: decide::rules(
            mailbox,
            &settings.mailboxes,
            Ruleset::of(&settings.rules, &mailbox.name),
        ),
    }
}

/// The mailbox of that name in both, or the only one in force.
fn pair<'a>(
    now: &'a Settings,
    then: &'a Settings,
    name: Option<&str>,
) -> Result<(&'a Mailbox, &'a Mailbox), Refusal> {
    if let Some(theirs) = name.and_then(|name| then.mailbox(name)) {
        if now.mailbox(&theirs.name).is_none() {
            // It may be what they call one of ours.
            return match other(theirs, then, now) {
                Some(ours) => Ok((ours, theirs)),
                None => Err(wrong(format!(
                    "mailbox `{}` is only in the other settings: nothing comes into it now, so there is \
                     nothing to compare; the mailboxes in force are {}",
                    theirs.name,
                    names(now)
                ))),
            };
        }
    }
    let ours = explain::mailbox(&now.mailboxes, name)?;
    match other(ours, now, then) {
        Some(theirs) => Ok((ours, theirs)),
        None => Err(wrong(format!(
            "mailbox `{}` is only in the settings in force: by the others nothing would come into it; \
             their mailboxes are {}. One that they only name otherwise is known by its identity, which \
             `postern settings export` writes",
            ours.name,
            names(then)
        ))),
    }
}

fn names(settings: &Settings) -> String {
    let names: Vec<&str> = settings.mailboxes.iter().map(|m| m.name.as_str()).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

/// The same mailbox in other settings: of its number, else of its name, where that is nobody else's
/// there (it may have been taken out and made again).
fn other<'a>(mailbox: &Mailbox, own: &Settings, others: &'a Settings) -> Option<&'a Mailbox> {
    let named = || {
        let named = others.mailbox(&mailbox.name);
        named.filter(|named| own.mailbox_by_id(named.id).is_none())
    };
    others.mailbox_by_id(mailbox.id).or_else(named)
}

/// What else differs and bears on the comparison, a sentence each.
fn notes(now: &Settings, then: &Settings, ours: &Mailbox, theirs: &Mailbox) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &ours.name;
    if *name != theirs.name {
        notes.push(format!(
            "Mailbox {name} is called {} in the other settings.",
            theirs.name
        ));
    }
    let (by_ours, by_theirs) = (terms(ours, now), terms(theirs, then));
    if by_ours.rules == by_theirs.rules && by_ours.identity == by_theirs.identity {
        notes.push(format!(
            "Nothing that decides about mail of mailbox {name} differs between the two settings."
        ));
    }
    match (ours.active, theirs.active) {
        (true, false) => notes.push(format!(
            "Mailbox {name} is active now and not in the other settings: by those nothing would be \
             fetched from it."
        )),
        (false, true) => notes.push(format!(
            "Mailbox {name} is not active now, so nothing is fetched from it; in the other settings it is."
        )),
        _ => {}
    }
    if by_ours.rules.received_after != by_theirs.rules.received_after {
        notes.push(
            "The two dates before which messages are left alone (received_after) differ: each mail is \
             taken for received now, or when --received says."
                .to_owned(),
        );
    }
    if now.portal.url != then.portal.url {
        notes.push(
            "The other settings name another portal, whose people are not known here: both are decided by \
             the people known now."
                .to_owned(),
        );
    }
    for (own, others, whose) in [
        (now, then, "settings in force"),
        (then, now, "other settings"),
    ] {
        let alone = own.mailboxes.iter();
        for mailbox in alone.filter(|m| other(m, own, others).is_none()) {
            notes.push(format!("Mailbox {} is only in the {whose}.", mailbox.name));
        }
    }
    notes
}

/// What becomes of a message by both.
pub(super) async fn compare(running: &Running, compare: &Compare) -> Result<Comparison, Refusal> {
    let engine = &running.engine;
    let settings = engine.settings();
    let Compare { asked, then, .. } = compare;
    let mailbox = explain::mailbox(&settings.mailboxes, asked.mailbox.as_deref())?;
    let ours = terms(mailbox, &settings);
    let received_at = explain::received_at(running, asked)?;
    let key_now = key(asked.key.as_deref())?;
    let key_then = key(compare.key.as_deref())?;
    let by = [
        (ours.rules.clone(), key_now),
        (then.rules.clone(), key_then),
    ];
    let by = by.map(|(rules, key)| decide::Terms {
        mailbox: mailbox.id,
        rules,
        key,
    });
    let judged = decide::explain(engine, &asked.message, received_at.0, asked.octets, by).await?;
    let [by_ours, by_theirs] = judged;
    let said = |judged: &decide::Judged| (judged.decision.clone(), judged.marks.clone());
    let elsewhere = said(&by_ours) != said(&by_theirs);
    let step = |because: Option<&_>| because.map(explain::step);
    let differs = differing(&by_ours.because, &by_theirs.because);
    let differs = differs.into_iter().map(|(now, then)| Differing {
        now: step(now),
        then: step(then),
    });
    let differs = differs.collect();
    let into = |terms: &Terms, key| Arrival {
        mailbox: terms.mailbox.clone(),
        identity: terms.identity.clone(),
        received_at,
        key,
        files: terms.rules.files.clone(),
    };
    Ok(Comparison {
        now: told(into(&ours, key_now), &asked.message, by_ours),
        then: told(into(then, key_then), &asked.message, by_theirs),
        elsewhere,
        differs,
    })
}

#[cfg(test)]
mod tests;
