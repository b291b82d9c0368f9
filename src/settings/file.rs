//! Settings as a TOML file: out with a line of help for each, in with every problem at once.
//!
//! A file says the whole: what it leaves out takes its default, and a mailbox that it doesn't name
//! is removed. Secrets are neither written nor read in the open; those that are set stay with their
//! mailbox, and the others are listed, to be typed, unless the file carries them sealed (`parcel`).

use std::fmt::Write;

use toml::{Table, Value as Toml};

use super::keys::{check_name, nearest};
use super::model::{Mailbox, Portal, Settings, Store};
use super::parcel::Parcel;
use super::schema::{Setting, Slot, MAILBOX, PORTAL, RULE, STORE};
use super::value::{moment_is_whole, Value, Zones};
use super::{Fault, Problem};
use crate::passage::MailboxId;
use crate::ticket::Rule;

/// What a file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The settings, not yet checked as a whole.
    pub settings: Settings,
    /// Keys of the secrets that nobody has typed yet and that this will need.
    pub missing: Vec<String>,
    /// Secrets that the file carries under a passphrase.
    pub parcel: Option<Parcel>,
    /// Keys of the moments that the file gives without their zone.
    pub zoneless: Vec<String>,
}

/// `settings` as a file that `import` reads, with their secrets where they are in `parcel`.
pub fn export(settings: &Settings, parcel: Option<&Parcel>) -> String {
    let mut out = String::from(match parcel {
        Some(_) => "# Settings of postern. Their secrets are at the end, under a passphrase.\n",
        None => "# Settings of postern. Secrets are not in this file.\n",
    });
    for mailbox in &settings.mailboxes {
        let section = format!("mailbox.{}", mailbox.name);
        write_section(&mut out, &section, MAILBOX, mailbox);
    }
    write_section(&mut out, "portal", PORTAL, &settings.portal);
    write_section(&mut out, "store", STORE, &settings.store);
    for rule in &settings.rules {
        write_rule(&mut out, rule);
    }
    if let Some(parcel) = parcel {
        parcel.write(&mut out);
    }
    out
}

/// Every setting with its default and its help: what `config/postern.toml` holds.
pub fn template() -> String {
    let mut out = String::from(
        "# Every setting of postern with its default. Put it in force with\n\
         #     postern settings import postern.toml\n\
         # A file says the whole: a setting that is left out has its default. Passwords and tokens\n\
         # don't belong here: type them with `postern settings set KEY`. One section for each mailbox.\n",
    );
    let mailbox = Mailbox::new(MailboxId(1), "support");
    write_section(&mut out, "mailbox.support", MAILBOX, &mailbox);
    write_section(&mut out, "portal", PORTAL, &Portal::default());
    write_section(&mut out, "store", STORE, &Store::default());
    out.push_str(
        "\n# Rules of your own, asked in the order in which they stand here about what would become a new\n\
         # ticket; never about replies. All conditions of a rule are needed; the first rule that matches\n\
         # ends the asking, unless it says otherwise. A rule is a section like this one:\n#\n\
         # [[rule]]\n# name = \"invoices\"\n",
    );
    for setting in RULE {
        let _infallible = writeln!(out, "#\n# {}: {}", setting.label, setting.help);
        let fresh = Rule::new("");
        if setting.read(&fresh) != Value::Unset {
            out.push_str("# ");
        }
        write_value(&mut out, setting, &fresh);
    }
    out
}

/// A rule says what it asks and does, and is silent about the rest.
fn write_rule(out: &mut String, rule: &Rule) {
    let name = Toml::String(rule.name.clone());
    let _infallible = writeln!(out, "\n[[rule]]\nname = {name}");
    let fresh = Rule::new("");
    for setting in RULE {
        if setting.read(rule) != setting.read(&fresh) {
            write_value(out, setting, rule);
        }
    }
}

fn write_section<T>(out: &mut String, section: &str, rows: &[Setting<T>], from: &T) {
    out.push_str(&format!("\n[{section}]\n"));
    for setting in rows {
        let _infallible = writeln!(out, "\n# {}: {}", setting.label, setting.help);
        write_value(out, setting, from);
    }
}

fn write_value<T>(out: &mut String, setting: &Setting<T>, from: &T) {
    let key = setting.key;
    let _infallible = match setting.read(from) {
        Value::Unset if setting.is_secret() => writeln!(out, "# {key} is not set"),
        Value::Unset => writeln!(out, "# {key} ="),
        Value::Flag(on) => writeln!(out, "{key} = {on}"),
        Value::Number(number) => writeln!(out, "{key} = {number}"),
        Value::Secret { .. } => writeln!(out, "# {key} is set"),
        value => writeln!(out, "{key} = {}", Toml::String(value.text())),
    };
}

/// Reads a file over `current`, which lends ids, identities and secrets to the mailboxes that it
/// names: by identity first (so a file can rename a mailbox), then by name.
pub fn import(text: &str, current: &Settings, zones: &Zones) -> Result<Import, Fault> {
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or(text);
            before.matches('\n').count() + 1
        });
        Fault::Refused(format!("the file is no TOML: line {line}: {}", e.message()))
    })?;
    let mut problems = Vec::new();
    let mut parcel = None;
    let mut settings = Settings {
        mailboxes: Vec::new(),
        portal: Portal {
            token: current.portal.token.clone(),
            client_secret: current.portal.client_secret.clone(),
            client_key_pem: current.portal.client_key_pem.clone(),
            proxy_password: current.portal.proxy_password.clone(),
            reply_secrets: current.portal.reply_secrets.clone(),
            ..Portal::default()
        },
        store: Store::default(),
        next_mailbox: current.next_mailbox,
        rules: Vec::new(),
    };
    for (name, value) in &table {
        match (name.as_str(), value) {
            ("mailbox", Toml::Table(mailboxes)) => {
                read_mailboxes(mailboxes, current, &mut settings, zones, &mut problems);
            }
            ("portal", Toml::Table(rows)) => {
                let to = &mut settings.portal;
                read_section(
                    "portal",
                    PORTAL,
                    rows,
                    to,
                    &Portal::default(),
                    zones,
                    &mut problems,
                );
            }
            ("store", Toml::Table(rows)) => {
                let to = &mut settings.store;
                read_section(
                    "store",
                    STORE,
                    rows,
                    to,
                    &Store::default(),
                    zones,
                    &mut problems,
                );
            }
            ("rule", Toml::Array(rules)) => {
                read_rules(rules, &mut settings.rules, zones, &mut problems);
            }
            ("rule", _) => problems.push(Problem::new(
                name,
                None,
                "must be a section for each rule, [[rule]] with a name in it: their order counts",
            )),
            ("sealed", Toml::Table(rows)) => match Parcel::read(rows) {
                Ok(read) => parcel = Some(read),
                Err(problem) => problems.push(problem),
            },
            ("mailbox" | "portal" | "store" | "sealed", _) => problems.push(Problem::new(
                name,
                None,
                "must be a section, such as [portal] or [mailbox.support]",
            )),
            _ => {
                let known = ["mailbox", "portal", "store", "rule", "sealed"];
                problems.push(not_known(name, known.into_iter()));
            }
        }
    }
    // In the order of the file's making, not of its letters: ids tell.
    settings.mailboxes.sort_by_key(|m| m.id);
    settings.settle();
    if !problems.is_empty() {
        return Err(Fault::Wrong(problems));
    }
    let missing = missing(&settings);
    let zoneless = zoneless(&table);
    Ok(Import {
        settings,
        missing,
        parcel,
        zoneless,
    })
}

fn zoneless(table: &Table) -> Vec<String> {
    let mailboxes = table.get("mailbox").and_then(Toml::as_table);
    let given = mailboxes.into_iter().flatten().filter_map(|(name, rows)| {
        let text = match rows.get("received_after")? {
            Toml::String(text) => text.clone(),
            moment => moment.to_string(),
        };
        (!moment_is_whole(&text)).then(|| format!("mailbox.{name}.received_after"))
    });
    given.collect()
}

fn missing(settings: &Settings) -> Vec<String> {
    let mailboxes = settings.mailboxes.iter();
    let mut missing: Vec<String> = mailboxes
        .filter(|m| m.active && m.password.is_none())
        .map(|m| format!("mailbox.{}.password", m.name))
        .collect();
    let portal = &settings.portal;
    if !portal.url.is_empty() {
        let (key, secret) = portal.sign_in_secret();
        missing.extend(secret.is_none().then(|| key.to_owned()));
        if portal.client_cert_pem.is_some() && portal.client_key_pem.is_none() {
            missing.push(Portal::CLIENT_KEY.to_owned());
        }
        if portal.proxy_user.is_some() && portal.proxy_password.is_none() {
            missing.push(Portal::PROXY_PASSWORD.to_owned());
        }
    }
    missing
}

fn read_mailboxes(
    mailboxes: &Table,
    current: &Settings,
    settings: &mut Settings,
    zones: &Zones,
    problems: &mut Vec<Problem>,
) {
    let identity_of = |rows: &Toml| {
        let identity = rows.get("identity").and_then(Toml::as_str);
        identity.map(str::to_owned)
    };
    let claimed: Vec<String> = mailboxes.values().filter_map(identity_of).collect();
    for (name, value) in mailboxes {
        let section = format!("mailbox.{name}");
        let Toml::Table(rows) = value else {
            problems.push(Problem::new(section, None, "must be a section of its own"));
            continue;
        };
        if let Err(said) = check_name(name) {
            problems.push(Problem::new(section, None, said));
            continue;
        }
        let said = identity_of(value);
        let mut all = current.mailboxes.iter();
        let before = all
            .find(|m| m.identity.is_some() && m.identity == said)
            .or_else(|| {
                // One that another section claims by its identity was renamed to that.
                let elsewhere = |m: &&Mailbox| {
                    let identity = m.identity.as_ref();
                    said.as_ref() != identity && identity.is_some_and(|i| claimed.contains(i))
                };
                current.mailbox(name).filter(|m| !elsewhere(m))
            });
        let mut mailbox = match before {
            Some(before) => Mailbox {
                password: before.password.clone(),
                identity: before.identity.clone(),
                ..Mailbox::new(before.id, name)
            },
            None => {
                let taken = current.mailboxes.iter().chain(&settings.mailboxes);
                let least = taken.map(|m| m.id.0.saturating_add(1)).max().unwrap_or(1);
                let id = settings.next_mailbox.max(least);
                settings.next_mailbox = id.saturating_add(1);
                Mailbox::new(MailboxId(id), name)
            }
        };
        let fixed = mailbox.identity.clone();
        let fresh = Mailbox::new(mailbox.id, name);
        read_section(
            &section,
            MAILBOX,
            rows,
            &mut mailbox,
            &fresh,
            zones,
            problems,
        );
        if fixed.is_some() && mailbox.identity != fixed {
            problems.push(Problem::new(
                format!("{section}.identity"),
                mailbox.identity.clone(),
                format!(
                    "mailbox `{name}` is here already with the identity {:?}, which is fixed: leave \
                     the line out, or give the mailbox in the file another name",
                    fixed.unwrap_or_default()
                ),
            ));
        }
        settings.mailboxes.push(mailbox);
    }
}

fn read_rules(
    rules: &[Toml],
    settings: &mut Vec<Rule>,
    zones: &Zones,
    problems: &mut Vec<Problem>,
) {
    for (at, value) in rules.iter().enumerate() {
        let Toml::Table(rows) = value else {
            problems.push(Problem::new("rule", None, "must be a section, [[rule]]"));
            continue;
        };
        let mut rows = rows.clone();
        let Some(Toml::String(name)) = rows.remove("name") else {
            let said = format!(
                "rule number {} needs its name, such as name = \"invoices\"",
                at + 1
            );
            problems.push(Problem::new("rule", None, said));
            continue;
        };
        let section = format!("rule.{name}");
        if let Err(said) = check_name(&name) {
            problems.push(Problem::new(section, None, said));
            continue;
        }
        let mut rule = Rule::new(&name);
        let fresh = Rule::new(&name);
        read_section(&section, RULE, &rows, &mut rule, &fresh, zones, problems);
        settings.push(rule);
    }
}

fn read_section<T>(
    section: &str,
    rows: &[Setting<T>],
    from: &Table,
    to: &mut T,
    fresh: &T,
    zones: &Zones,
    problems: &mut Vec<Problem>,
) {
    for name in from.keys() {
        if !rows.iter().any(|setting| setting.key == name) {
            let known = rows.iter().map(|setting| setting.key);
            let mut problem = not_known(name, known);
            problem.key = format!("{section}.{name}");
            problems.push(problem);
        }
    }
    // In the table's order, not the file's: some values are read by the light of earlier ones.
    for setting in rows {
        let Some(given) = from.get(setting.key) else {
            continue;
        };
        let key = format!("{section}.{}", setting.key);
        if setting.is_secret() {
            problems.push(Problem::new(
                key,
                None,
                "is a secret and is not read from a file: take the line out, and type it when asked",
            ));
            continue;
        }
        let text = match text_of(&setting.slot, given) {
            Ok(text) => text,
            Err(said) => {
                let shown = given
                    .as_str()
                    .map_or_else(|| given.to_string(), str::to_owned);
                problems.push(Problem::new(key, Some(shown), said));
                continue;
            }
        };
        if let Err(said) = setting.write(to, &text, fresh, zones) {
            problems.push(Problem::new(key, Some(text), said));
        }
    }
}

fn text_of<T>(slot: &Slot<T>, given: &Toml) -> Result<String, String> {
    match (slot, given) {
        (Slot::Flag(_), Toml::Boolean(on)) => Ok(if *on { "on" } else { "off" }.to_owned()),
        (Slot::Number { .. } | Slot::Port(_) | Slot::Octets { .. }, Toml::Integer(number)) => {
            Ok(number.to_string())
        }
        (Slot::Moment { .. }, Toml::Datetime(at)) => Ok(at.to_string()),
        (Slot::Number { .. } | Slot::Port(_), Toml::String(text)) if !text.is_empty() => {
            Err("must be a number without quotes".to_owned())
        }
        (_, Toml::String(text)) => Ok(text.clone()),
        (Slot::Flag(_), _) => Err("must be true or false".to_owned()),
        (Slot::Number { .. } | Slot::Port(_), _) => Err("must be a number".to_owned()),
        _ => Err("must be text in quotes".to_owned()),
    }
}

fn not_known<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let said = match nearest(name, known) {
        Some(near) => format!("is no setting: did you mean `{near}`?"),
        None => "is no setting: config/postern.toml lists them all".to_owned(),
    };
    Problem::new(name, None, said)
}

#[cfg(test)]
mod tests;
