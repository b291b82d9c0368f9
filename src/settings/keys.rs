//! Settings by key: `mailbox.support.host`, `portal.url`, `store.quota`.
//!
//! A key that is not known is answered with the nearest one that is.

use serde::{Deserialize, Serialize};

use super::model::{Mailbox, Portal, Settings, Store};
use super::schema::{Setting, MAILBOX, PORTAL, RULE, STORE};
use super::seal::Sealed;
use super::value::{Value, Zones};
use super::{Fault, Problem};
use crate::passage::MailboxId;
use crate::ticket::Rule;
use crate::world::Secret;

/// One setting with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// The label that technicians know.
    pub label: &'static str,
    /// What it holds.
    pub value: Value,
}

/// What there is to say about a setting, whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The key; of a mailbox's setting with `NAME` for the mailbox.
    pub key: String,
    /// The label that technicians know.
    pub label: String,
    /// Which values it takes.
    pub kind: String,
    /// Its default, empty when it is unset.
    pub default: String,
    /// One line of help.
    pub help: String,
}

/// Where a key leads.
enum Target {
    Mailbox(usize, &'static Setting<Mailbox>),
    Rule(usize, &'static Setting<Rule>),
    Portal(&'static Setting<Portal>),
    Store(&'static Setting<Store>),
}

impl Settings {
    /// What the setting of that key holds.
    pub fn get(&self, key: &str) -> Result<Value, Fault> {
        Ok(match self.target(key)? {
            Target::Mailbox(at, setting) => match self.mailboxes.get(at) {
                Some(mailbox) => setting.read(mailbox),
                None => Value::Unset,
            },
            Target::Rule(at, setting) => match self.rules.get(at) {
                Some(rule) => setting.read(rule),
                None => Value::Unset,
            },
            Target::Portal(setting) => setting.read(&self.portal),
            Target::Store(setting) => setting.read(&self.store),
        })
    }

    /// Every setting at or below `prefix` (`portal`, `mailbox.support`, a whole key; all for an
    /// empty one), in the order of the page.
    pub fn entries(&self, prefix: &str) -> Result<Vec<Entry>, Fault> {
        let mut all = Vec::new();
        for mailbox in &self.mailboxes {
            let section = format!("mailbox.{}", mailbox.name);
            collect(&mut all, &section, MAILBOX, mailbox);
        }
        collect(&mut all, "portal", PORTAL, &self.portal);
        collect(&mut all, "store", STORE, &self.store);
        for rule in &self.rules {
            collect(&mut all, &format!("rule.{}", rule.name), RULE, rule);
        }
        if prefix.is_empty() {
            return Ok(all);
        }
        all.retain(|entry| {
            entry
                .key
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if all.is_empty() && prefix != "mailbox" && prefix != "rule" {
            // For its sentence; a key that is known would have been found above.
            self.target(prefix)?;
        }
        Ok(all)
    }

    /// Reads `text` into the setting of that key; empty text gives it its default back.
    pub fn set(&mut self, key: &str, text: &str, zones: &Zones) -> Result<(), Fault> {
        let target = self.target(key)?;
        let (secret, done) = match target {
            Target::Mailbox(at, setting) => {
                let Some(mailbox) = self.mailboxes.get_mut(at) else {
                    return Ok(());
                };
                let before = mailbox.identity.clone();
                let fresh = Mailbox::new(mailbox.id, "");
                let mut done = setting.write(mailbox, text, &fresh, zones);
                if before.is_some() && mailbox.identity != before {
                    mailbox.identity = before;
                    done = Err(
                        "is fixed once the mailbox has one: delivery keys are made from it, and \
                         with another one every message would be new; remove the mailbox and add \
                         it again to begin anew"
                            .to_owned(),
                    );
                }
                (setting.is_secret(), done)
            }
            Target::Rule(at, setting) => {
                let Some(rule) = self.rules.get_mut(at) else {
                    return Ok(());
                };
                let fresh = Rule::new(&rule.name);
                (false, setting.write(rule, text, &fresh, zones))
            }
            Target::Portal(setting) => (
                setting.is_secret(),
                setting.write(&mut self.portal, text, &Portal::default(), zones),
            ),
            Target::Store(setting) => (
                setting.is_secret(),
                setting.write(&mut self.store, text, &Store::default(), zones),
            ),
        };
        let value = (!secret).then(|| text.to_owned());
        done.map_err(|said| Fault::Wrong(vec![Problem::new(key, value, said)]))?;
        self.settle();
        Ok(())
    }

    /// Puts a sealed secret into the setting of that key.
    pub fn set_sealed(&mut self, key: &str, sealed: Sealed) -> Result<(), Fault> {
        let put = match self.target(key)? {
            Target::Mailbox(at, setting) => {
                let mailbox = self.mailboxes.get_mut(at);
                mailbox.is_some_and(|mailbox| setting.put_sealed(mailbox, sealed))
            }
            Target::Rule(..) => false,
            Target::Portal(setting) => setting.put_sealed(&mut self.portal, sealed),
            Target::Store(setting) => setting.put_sealed(&mut self.store, sealed),
        };
        put.then_some(())
            .ok_or_else(|| Fault::Refused(format!("{key} is no secret")))
    }

    /// What was typed for the secret of that key, in the form that is sealed, and the label under which it
    /// is; `None` when it is no secret.
    pub fn secret(&self, key: &str, typed: &Secret) -> Result<Option<(String, Secret)>, Fault> {
        let (label, read) = match self.target(key)? {
            Target::Mailbox(at, setting) => {
                let label = self.mailboxes.get(at).map(Mailbox::password_label);
                (label, setting.read_secret(typed))
            }
            Target::Rule(..) => (None, None),
            Target::Portal(setting) => (Some(key.to_owned()), setting.read_secret(typed)),
            Target::Store(setting) => (None, setting.read_secret(typed)),
        };
        let read = read
            .transpose()
            .map_err(|said| Fault::Wrong(vec![Problem::new(key, None, said)]))?;
        Ok(label.zip(read))
    }

    /// What there is to say about the setting of that key, or about each below a section.
    pub fn explain(key: &str) -> Result<Vec<Explained>, Fault> {
        let mut all = Vec::new();
        let mailbox = Mailbox::new(MailboxId(0), "");
        explain_each(&mut all, "mailbox.NAME", MAILBOX, &mailbox);
        explain_each(&mut all, "portal", PORTAL, &Portal::default());
        explain_each(&mut all, "store", STORE, &Store::default());
        explain_each(&mut all, "rule.NAME", RULE, &Rule::new(""));
        // Any mailbox's name stands for all.
        let parts: Vec<&str> = key.split('.').collect();
        let sought = match parts.as_slice() {
            [""] => return Ok(all),
            ["mailbox"] | ["mailbox", _] => "mailbox.NAME".to_owned(),
            ["mailbox", _, rest] => format!("mailbox.NAME.{rest}"),
            ["rule"] | ["rule", _] => "rule.NAME".to_owned(),
            ["rule", _, rest] => format!("rule.NAME.{rest}"),
            _ => key.to_owned(),
        };
        let known: Vec<String> = all.iter().map(|e| e.key.clone()).collect();
        all.retain(|e| e.key == sought || e.key.starts_with(&format!("{sought}.")));
        if all.is_empty() {
            return Err(unknown(&sought, known.iter().map(String::as_str)));
        }
        Ok(all)
    }

    /// Makes a mailbox with that name, inactive, every setting at its default.
    pub fn add_mailbox(&mut self, name: &str) -> Result<MailboxId, Fault> {
        self.fresh_name(name)?;
        let least = self.mailboxes.iter().map(|m| m.id.0.saturating_add(1));
        let id = least.max().unwrap_or(0).max(self.next_mailbox).max(1);
        let next = id.checked_add(1).ok_or_else(|| {
            Fault::Refused("no mailbox can be added: all numbers have been used".to_owned())
        })?;
        self.next_mailbox = next;
        self.mailboxes.push(Mailbox::new(MailboxId(id), name));
        Ok(MailboxId(id))
    }

    /// Takes the mailbox of that name out.
    pub fn remove_mailbox(&mut self, name: &str) -> Result<Mailbox, Fault> {
        match self.mailboxes.iter().position(|m| m.name == name) {
            Some(at) => Ok(self.mailboxes.remove(at)),
            None => Err(self.no_mailbox(name)),
        }
    }

    /// Gives a mailbox another name; its id and identity stay.
    pub fn rename_mailbox(&mut self, name: &str, to: &str) -> Result<(), Fault> {
        if name != to {
            self.fresh_name(to)?;
        }
        match self.mailbox_mut(name) {
            Some(mailbox) => to.clone_into(&mut mailbox.name),
            None => return Err(self.no_mailbox(name)),
        }
        for rule in &mut self.rules {
            if rule.mailbox.as_deref() == Some(name) {
                rule.mailbox = Some(to.to_owned());
            }
        }
        Ok(())
    }

    fn fresh_name(&self, name: &str) -> Result<(), Fault> {
        check_name(name).map_err(|said| {
            Fault::Wrong(vec![Problem::new(format!("mailbox.{name}"), None, said)])
        })?;
        match self.mailbox(name) {
            Some(_) => Err(Fault::Refused(format!(
                "there is a mailbox `{name}` already"
            ))),
            None => Ok(()),
        }
    }

    fn no_mailbox(&self, name: &str) -> Fault {
        let mut said = format!("there is no mailbox `{name}`");
        match nearest(name, self.mailboxes.iter().map(|m| m.name.as_str())) {
            Some(near) => said.push_str(&format!(": did you mean `{near}`?")),
            None if self.mailboxes.is_empty() => {
                said.push_str(&format!(": `postern settings add {name}` makes it"));
            }
            None => {
                let names: Vec<&str> = self.mailboxes.iter().map(|m| m.name.as_str()).collect();
                said.push_str(&format!(": there is {}", names.join(", ")));
            }
        }
        Fault::Refused(said)
    }

    fn target(&self, key: &str) -> Result<Target, Fault> {
        let parts: Vec<&str> = key.split('.').collect();
        let found = match parts.as_slice() {
            ["portal", key] => row(PORTAL, key).map(Target::Portal),
            ["store", key] => row(STORE, key).map(Target::Store),
            ["mailbox", name, key] => {
                let at = self.mailboxes.iter().position(|m| m.name == *name);
                let at = at.ok_or_else(|| self.no_mailbox(name))?;
                row(MAILBOX, key).map(|setting| Target::Mailbox(at, setting))
            }
            ["rule", name, key] => {
                let at = self.rules.iter().position(|rule| rule.name == *name);
                let at = at.ok_or_else(|| self.no_rule(name))?;
                row(RULE, key).map(|setting| Target::Rule(at, setting))
            }
            ["rule", name] => {
                return Err(match self.rule(name) {
                    Some(_) => Fault::Refused(format!(
                        "`{key}` is a whole rule: name one of its settings, such as `{key}.subject`"
                    )),
                    None => self.no_rule(name),
                })
            }
            ["mailbox", name] => {
                return Err(match self.mailbox(name) {
                    Some(_) => Fault::Refused(format!(
                        "`{key}` is a whole mailbox: name one of its settings, such as `{key}.host`"
                    )),
                    None => self.no_mailbox(name),
                })
            }
            _ => None,
        };
        found.ok_or_else(|| {
            let names: Vec<String> = match parts.as_slice() {
                ["mailbox", name, _] => MAILBOX
                    .iter()
                    .map(|s| format!("mailbox.{name}.{}", s.key))
                    .collect(),
                ["rule", name, _] => RULE
                    .iter()
                    .map(|s| format!("rule.{name}.{}", s.key))
                    .collect(),
                _ => {
                    let entries = self.entries("").unwrap_or_default();
                    entries.into_iter().map(|entry| entry.key).collect()
                }
            };
            unknown(key, names.iter().map(String::as_str))
        })
    }
}

fn collect<T>(all: &mut Vec<Entry>, section: &str, rows: &[Setting<T>], from: &T) {
    all.extend(rows.iter().map(|setting| Entry {
        key: format!("{section}.{}", setting.key),
        label: setting.label,
        value: setting.read(from),
    }));
}

fn explain_each<T>(all: &mut Vec<Explained>, section: &str, rows: &[Setting<T>], fresh: &T) {
    all.extend(rows.iter().map(|setting| Explained {
        key: format!("{section}.{}", setting.key),
        label: setting.label.to_owned(),
        kind: setting.kind(),
        default: setting.read(fresh).text(),
        help: setting.help.to_owned(),
    }));
}

fn row<T>(rows: &'static [Setting<T>], key: &str) -> Option<&'static Setting<T>> {
    rows.iter().find(|setting| setting.key == key)
}

/// A name that fits into keys and file sections as it is.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && !name.starts_with(['-', '_']);
    match fits {
        true => Ok(()),
        false => Err(
            "a name is up to 40 small letters, digits, - and _, and begins with a \
             letter or digit"
                .to_owned(),
        ),
    }
}

pub(super) fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    let said = match nearest(key, known) {
        Some(near) => format!("is no setting: did you mean `{near}`?"),
        None => "is no setting: `postern settings show` lists them all".to_owned(),
    };
    Fault::Wrong(vec![Problem::new(key, None, said)])
}

/// The one of `known` that is fewest typing errors away, where that is few enough to be meant.
pub(super) fn nearest<'a>(sought: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any key: not worth the arithmetic, whoever sent it.
    if sought.len() > 120 {
        return None;
    }
    let most = sought.len().div_ceil(3).clamp(1, 4);
    known
        .map(|name| (distance(sought, name), name))
        .min()
        .filter(|(away, _)| *away <= most)
        .map(|(_, name)| name)
}

/// Levenshtein's distance in octets.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut left = i + 1;
        let mut corner = i;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let here = (corner + usize::from(x != y)).min(left + 1).min(*cell + 1);
            corner = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
