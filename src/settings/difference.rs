//! What differs between two settings, line by line.

use serde::{Deserialize, Serialize};

use super::model::{Mailbox, Settings};
use super::schema::{Setting, MAILBOX, PORTAL, RULE, STORE};
use super::value::Value;
use crate::passage::MailboxId;
use crate::ticket::Rule;

/// One setting that differs. Secrets only say that they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The whole key, with the newer name of a mailbox; `mailbox.NAME` for a whole one.
    pub key: String,
    /// What it held; `None` when it wasn't there or was unset.
    pub before: Option<String>,
    /// What it holds; `None` when it isn't there or is unset.
    pub after: Option<String>,
}

/// Every setting that differs. Mailboxes are told apart by their ids, so a renamed one is one line.
pub fn difference(before: &Settings, after: &Settings) -> Vec<Change> {
    let mut changes = Vec::new();
    for old in &before.mailboxes {
        if after.mailbox_by_id(old.id).is_none() {
            changes.push(Change {
                key: format!("mailbox.{}", old.name),
                before: Some("present".to_owned()),
                after: None,
            });
        }
    }
    for new in &after.mailboxes {
        let section = format!("mailbox.{}", new.name);
        match before.mailbox_by_id(new.id) {
            Some(old) => {
                if old.name != new.name {
                    changes.push(Change {
                        key: format!("{section}.name"),
                        before: Some(old.name.clone()),
                        after: Some(new.name.clone()),
                    });
                }
                compare(&mut changes, &section, MAILBOX, old, new);
            }
            None => {
                changes.push(Change {
                    key: section.clone(),
                    before: None,
                    after: Some("present".to_owned()),
                });
                let fresh = Mailbox::new(MailboxId(0), "");
                compare(&mut changes, &section, MAILBOX, &fresh, new);
            }
        }
    }
    compare(
        &mut changes,
        "portal",
        PORTAL,
        &before.portal,
        &after.portal,
    );
    compare(&mut changes, "store", STORE, &before.store, &after.store);
    rules(&mut changes, before, after);
    changes
}

/// Rules are told apart by their names. That they are asked in another order is one line.
fn rules(changes: &mut Vec<Change>, before: &Settings, after: &Settings) {
    let present = || Some("present".to_owned());
    for old in &before.rules {
        if after.rule(&old.name).is_none() {
            changes.push(Change {
                key: format!("rule.{}", old.name),
                before: present(),
                after: None,
            });
        }
    }
    for new in &after.rules {
        let section = format!("rule.{}", new.name);
        match before.rule(&new.name) {
            Some(old) => compare(changes, &section, RULE, old, new),
            None => {
                changes.push(Change {
                    key: section.clone(),
                    before: None,
                    after: present(),
                });
                compare(changes, &section, RULE, &Rule::new(""), new);
            }
        }
    }
    let order = |of: &Settings, in_both: &Settings| {
        let both = of
            .rules
            .iter()
            .filter(|rule| in_both.rule(&rule.name).is_some());
        both.map(|rule| rule.name.clone()).collect::<Vec<_>>()
    };
    let all = |of: &Settings| {
        let names: Vec<&str> = of.rules.iter().map(|rule| rule.name.as_str()).collect();
        Some(names.join(", "))
    };
    if order(before, after) != order(after, before) {
        changes.push(Change {
            key: "rule (order)".to_owned(),
            before: all(before),
            after: all(after),
        });
    }
}

fn compare<T>(changes: &mut Vec<Change>, section: &str, rows: &[Setting<T>], old: &T, new: &T) {
    for setting in rows {
        let (before, after) = (setting.read(old), setting.read(new));
        if before != after {
            changes.push(Change {
                key: format!("{section}.{}", setting.key),
                before: shown(&before),
                after: shown(&after),
            });
        }
    }
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Unset => None,
        value => Some(value.shown()),
    }
}

#[cfg(test)]
mod tests;
