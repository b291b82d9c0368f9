//! The list of rules: making, taking out, moving, and what is to be said of the list as a whole.
//!
//! Their order is theirs alone: it changes by nothing but being moved, or by another file.

use super::check::Checked;
use super::keys::{check_name, nearest};
use super::model::Settings;
use super::{Fault, Problem};
use crate::ticket::rule::{Action, RULES_MAX};
use crate::ticket::Rule;

/// Where a rule goes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whither {
    /// In front of all others.
    First,
    /// Behind all others.
    Last,
    /// In front of that one.
    Before(String),
    /// Behind that one.
    After(String),
}

impl Settings {
    /// Makes a rule with that name, behind the others, every setting at its default.
    pub fn add_rule(&mut self, name: &str) -> Result<(), Fault> {
        self.fresh_rule(name)?;
        if self.rules.len() >= RULES_MAX {
            return Err(Fault::Refused(format!(
                "there are {RULES_MAX} rules already, and no more are taken"
            )));
        }
        self.rules.push(Rule::new(name));
        Ok(())
    }

    /// Takes the rule of that name out.
    pub fn remove_rule(&mut self, name: &str) -> Result<Rule, Fault> {
        match self.rules.iter().position(|rule| rule.name == name) {
            Some(at) => Ok(self.rules.remove(at)),
            None => Err(self.no_rule(name)),
        }
    }

    /// Gives a rule another name; it stays where it is.
    pub fn rename_rule(&mut self, name: &str, to: &str) -> Result<(), Fault> {
        if name != to {
            self.fresh_rule(to)?;
        }
        match self.rules.iter_mut().find(|rule| rule.name == name) {
            Some(rule) => {
                to.clone_into(&mut rule.name);
                Ok(())
            }
            None => Err(self.no_rule(name)),
        }
    }

    /// Moves a rule among the others.
    pub fn move_rule(&mut self, name: &str, whither: &Whither) -> Result<(), Fault> {
        if let Whither::Before(other) | Whither::After(other) = whither {
            if other == name {
                return Err(Fault::Refused(format!(
                    "rule `{name}` can't be moved beside itself: name another one"
                )));
            }
            self.rule(other).ok_or_else(|| self.no_rule(other))?;
        }
        let rule = self.remove_rule(name)?;
        let of = |other: &String| self.rules.iter().position(|rule| rule.name == *other);
        let at = match whither {
            Whither::First => Some(0),
            Whither::Last => None,
            Whither::Before(other) => of(other),
            Whither::After(other) => of(other).map(|at| at + 1),
        };
        let at = at.unwrap_or(self.rules.len());
        self.rules.insert(at, rule);
        Ok(())
    }

    fn fresh_rule(&self, name: &str) -> Result<(), Fault> {
        check_name(name)
            .map_err(|said| Fault::Wrong(vec![Problem::new(format!("rule.{name}"), None, said)]))?;
        match self.rule(name) {
            Some(_) => Err(Fault::Refused(format!("there is a rule `{name}` already"))),
            None => Ok(()),
        }
    }

    pub(super) fn no_rule(&self, name: &str) -> Fault {
        let mut said = format!("there is no rule `{name}`");
        let names: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        match nearest(name, names.iter().copied()) {
            Some(near) => said.push_str(&format!(": did you mean `{near}`?")),
            None if names.is_empty() => {
                said.push_str(&format!(": `postern rules add {name}` makes it"));
            }
            None => said.push_str(&format!(": there is {}", names.join(", "))),
        }
        Fault::Refused(said)
    }
}

/// Checks the list as a whole: what can't be meant, and what was perhaps not.
pub(super) fn check(checked: &mut Checked, settings: &Settings) {
    let rules = &settings.rules;
    if rules.len() > RULES_MAX {
        let said = format!("there are more than {RULES_MAX} rules: only so many are asked");
        checked.problems.push(Problem::new("rule", None, said));
    }
    for (at, rule) in rules.iter().enumerate() {
        let section = format!("rule.{}", rule.name);
        let earlier = rules.get(..at).unwrap_or_default();
        if let Err(said) = check_name(&rule.name) {
            checked.problems.push(Problem::new(&section, None, said));
        }
        if earlier.iter().any(|other| other.name == rule.name) {
            let said = "there are two rules of this name";
            checked.problems.push(Problem::new(&section, None, said));
        }
        for (key, said) in wrong(rule, settings) {
            let key = format!("{section}.{key}");
            checked.problems.push(Problem::new(key, None, said));
        }
        for (key, said) in doubtful(rule, earlier) {
            let key = match key {
                "" => section.clone(),
                key => format!("{section}.{key}"),
            };
            checked.warnings.push(Problem::new(key, None, said));
        }
    }
}

fn wrong(rule: &Rule, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    if let Some(name) = &rule.mailbox {
        if settings.mailbox(name).is_none() {
            said.push((
                "mailbox",
                format!("there is no mailbox `{name}`: name another, or leave it unset for all"),
            ));
        }
    }
    for (key, value) in [
        ("header_value", &rule.header_value),
        ("header_regex", &rule.header_regex),
    ] {
        if value.is_some() && rule.header.is_none() {
            let mend =
                "says what must stand in a field, and `header` does not say in which: set it too";
            said.push((key, mend.to_owned()));
        }
    }
    if rule.action != Action::Set && rule.reason.is_none() {
        let mend = "must be set where a rule holds or ignores: whoever looks for the mail reads it";
        said.push(("reason", mend.to_owned()));
    }
    if rule.active && rule.action == Action::Ignore && rule.asks_nothing() {
        let mend =
            "would archive every new message without a ticket, since the rule asks nothing: give \
                    it a condition, or set the mailbox's active to off";
        said.push(("action", mend.to_owned()));
    }
    said
}

fn doubtful(rule: &Rule, earlier: &[Rule]) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    if !rule.active {
        return said;
    }
    if rule.size_max > 0 && rule.size_min > rule.size_max {
        said.push((
            "size_min",
            "is more than size_max: the rule matches no message".to_owned(),
        ));
    }
    match rule.action {
        Action::Set if !rule.sets_something() => said.push((
            "action",
            "sets nothing: the rule does nothing but name itself on the ticket, and end the asking \
             unless `then` is continue"
                .to_owned(),
        )),
        Action::Hold | Action::Ignore if rule.sets_something() => said.push((
            "action",
            "makes no ticket, so what the rule sets on one has no effect".to_owned(),
        )),
        _ => {}
    }
    let covers = |other: &&Rule| {
        let mailbox = other.mailbox.is_none() || other.mailbox == rule.mailbox;
        let same = Rule {
            mailbox: rule.mailbox.clone(),
            ..(*other).clone()
        };
        other.active && other.ends() && mailbox && (other.asks_nothing() || rule.asks_as(&same))
    };
    if let Some(other) = earlier.iter().find(covers) {
        said.push((
            "",
            format!(
                "is never reached: rule `{}` in front of it matches all that this one does, and ends the \
                 asking; move it in front (`postern rules move {} --before {}`), or set the other's `then` \
                 to continue",
                other.name, rule.name, other.name
            ),
        ));
    }
    said
}

#[cfg(test)]
mod tests;
