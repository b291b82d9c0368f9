//! Checks over more than one setting, and the warnings.
//!
//! A single value was checked when it was read; here stands what must fit together. A mailbox that
//! is not active may be incomplete.

use serde::{Deserialize, Serialize};

use super::keys::check_name;
use super::model::{ArchiveWhen, Mailbox, Protocol, Security, Settings, SignIn};
use super::rules;
use super::schema::{Setting, MAILBOX, PORTAL, RULE, STORE};
use super::value::{host_of, url_parts, Value, Zones};
use super::Problem;
use crate::world::Wall;

/// What there is to say about settings as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What must be mended first.
    pub problems: Vec<Problem>,
    /// What is allowed, and was perhaps not meant.
    pub warnings: Vec<Problem>,
}

/// Checks the whole: each value once more, and what must fit together. `now` only serves warnings.
pub fn check(settings: &Settings, zones: &Zones, now: Wall) -> Checked {
    let mut checked = Checked::default();
    for mailbox in &settings.mailboxes {
        let section = format!("mailbox.{}", mailbox.name);
        if let Err(said) = check_name(&mailbox.name) {
            checked.problems.push(Problem::new(&section, None, said));
        }
        let mut again = mailbox.clone();
        reread(&section, MAILBOX, mailbox, &mut again, zones, &mut checked);
        one(&mut checked, &section, mailbox, now);
    }
    pairs(&mut checked, settings);
    let mut portal = settings.portal.clone();
    reread(
        "portal",
        PORTAL,
        &settings.portal,
        &mut portal,
        zones,
        &mut checked,
    );
    portal_whole(&mut checked, settings);
    portal_warnings(&mut checked, settings, now);
    let mut store = settings.store.clone();
    reread(
        "store",
        STORE,
        &settings.store,
        &mut store,
        zones,
        &mut checked,
    );
    for rule in &settings.rules {
        let section = format!("rule.{}", rule.name);
        reread(&section, RULE, rule, &mut rule.clone(), zones, &mut checked);
    }
    rules::check(&mut checked, settings);
    if settings.store.retain_bytes_max > settings.store.quota_bytes {
        checked.problems.push(Problem::new(
            "store.retain_max",
            None,
            "is more than store.quota, which holds the kept messages too: lower it, or raise \
             store.quota",
        ));
    }
    checked
}

/// Reads every value's text again: what an older version or another hand let in is found.
fn reread<T>(
    section: &str,
    rows: &[Setting<T>],
    from: &T,
    again: &mut T,
    zones: &Zones,
    checked: &mut Checked,
) {
    for setting in rows {
        let value = setting.read(from);
        if matches!(value, Value::Unset | Value::Secret { .. }) {
            continue;
        }
        let text = value.text();
        // `again` may be written to: what the text gives is what is there already.
        if let Err(said) = setting.write(again, &text, from, zones) {
            let key = format!("{section}.{}", setting.key);
            checked.problems.push(Problem::new(key, Some(text), said));
        }
    }
}

fn one(checked: &mut Checked, section: &str, mailbox: &Mailbox, now: Wall) {
    let key = |name: &str| format!("{section}.{name}");
    let mut problem = |name: &str, value: Option<String>, said: &str| {
        checked.problems.push(Problem::new(key(name), value, said));
    };
    if mailbox.archive_folder.as_deref() == Some(mailbox.folder.as_str()) {
        problem(
            "archive_folder",
            mailbox.archive_folder.clone(),
            "is the watched folder itself: messages would never leave it",
        );
    }
    if mailbox.active {
        if mailbox.host.is_empty() {
            problem("host", None, "must be set before the mailbox can be active");
        }
        if mailbox.username.is_empty() {
            problem(
                "username",
                None,
                "must be set before the mailbox can be active",
            );
        }
        if mailbox.password.is_none() {
            problem(
                "password",
                None,
                "must be set before the mailbox can be active",
            );
        }
        if mailbox.key_identity().is_none() && !mailbox.username.is_empty() {
            problem(
                "address",
                None,
                "must be set before the mailbox can be active, since the username is no address",
            );
        }
        if mailbox.protocol != Protocol::Imap {
            problem(
                "protocol",
                Some(
                    match mailbox.protocol {
                        Protocol::Exchange => "exchange",
                        Protocol::Office365 => "office365",
                        Protocol::Imap => "imap",
                    }
                    .to_owned(),
                ),
                "can't be activated: this version reads imap only",
            );
        }
    }
    let mut warn = |name: &str, value: Option<String>, said: String| {
        checked.warnings.push(Problem::new(key(name), value, said));
    };
    if mailbox.security == Security::None {
        warn(
            "security",
            Some("none".to_owned()),
            "the password and every message cross the network in clear: use tls or starttls where \
             the server has it"
                .to_owned(),
        );
    }
    if let Some(said) = port_warning(mailbox) {
        warn("port", Some(mailbox.dial_port().to_string()), said);
    }
    if mailbox.pinned.is_some() && mailbox.ca_pem.is_some() {
        warn(
            "ca_pem",
            None,
            "has no effect while a certificate is pinned".to_owned(),
        );
    }
    if mailbox.archive_when == ArchiveWhen::Committed {
        warn(
            "archive_when",
            Some("committed".to_owned()),
            "messages leave the inbox before the portal has them: if this box dies, its undelivered \
             ones are found in the archive folder only"
                .to_owned(),
        );
    }
    if let Some(after) = mailbox.received_after.filter(|after| *after > now) {
        warn(
            "received_after",
            Some(after.to_string()),
            "lies ahead: nothing is processed until then".to_owned(),
        );
    }
}

fn port_warning(mailbox: &Mailbox) -> Option<String> {
    let usual = match mailbox.security {
        Security::Tls => 993,
        Security::Starttls | Security::None => 143,
    };
    match (mailbox.dial_port(), mailbox.security) {
        (port @ (25 | 465 | 587), _) => Some(format!(
            "port {port} sends mail and can't read it: {usual} is probably meant"
        )),
        (110 | 995, _) => Some(format!(
            "this is a POP3 port, which is not spoken here: {usual} is probably meant"
        )),
        (993, Security::Starttls | Security::None) => {
            Some("port 993 expects TLS from the first octet: set security to tls".to_owned())
        }
        (143, Security::Tls) => Some(
            "port 143 begins in clear: set security to starttls, or the port to 993".to_owned(),
        ),
        _ => None,
    }
}

/// Two mailboxes that would take the same messages.
fn pairs(checked: &mut Checked, settings: &Settings) {
    for (at, later) in settings.mailboxes.iter().enumerate() {
        for earlier in settings.mailboxes.iter().take(at) {
            let key = |name: &str| format!("mailbox.{}.{name}", later.name);
            if later.name == earlier.name {
                checked.problems.push(Problem::new(
                    format!("mailbox.{}", later.name),
                    None,
                    "there are two mailboxes of this name",
                ));
            }
            if later.id == earlier.id {
                checked.problems.push(Problem::new(
                    format!("mailbox.{}", later.name),
                    None,
                    format!("has the number of mailbox `{}`", earlier.name),
                ));
            }
            if later.identity.is_some() && later.identity == earlier.identity {
                checked.problems.push(Problem::new(
                    key("identity"),
                    later.identity.clone(),
                    format!(
                        "is that of mailbox `{}`: each mailbox needs its own",
                        earlier.name
                    ),
                ));
            }
            let same = later.active
                && earlier.active
                && later.host.eq_ignore_ascii_case(&earlier.host)
                && later.username.eq_ignore_ascii_case(&earlier.username)
                && later.folder == earlier.folder;
            if same {
                checked.problems.push(Problem::new(
                    key("folder"),
                    Some(later.folder.clone()),
                    format!(
                        "is watched as mailbox `{}` already: each message would become two tickets",
                        earlier.name
                    ),
                ));
            }
        }
    }
}

/// What a sign-in by OAuth can't do without.
fn portal_whole(checked: &mut Checked, settings: &Settings) {
    let portal = &settings.portal;
    if portal.sign_in != SignIn::Oauth {
        return;
    }
    for (name, value) in [
        ("token_url", &portal.token_url),
        ("client_id", &portal.client_id),
    ] {
        if value.is_empty() {
            checked.problems.push(Problem::new(
                format!("portal.{name}"),
                None,
                "is needed to sign in by oauth: `postern settings set portal.sign_in=oauth \
                 portal.token_url=URL portal.client_id=ID portal.client_secret` sets all at once",
            ));
        }
    }
}

fn portal_warnings(checked: &mut Checked, settings: &Settings, now: Wall) {
    let portal = &settings.portal;
    let mut warn = |name: &str, value: Option<String>, said: &str| {
        let key = format!("portal.{name}");
        checked.warnings.push(Problem::new(key, value, said));
    };
    let active = settings.mailboxes.iter().any(|m| m.active);
    if active && portal.url.is_empty() {
        warn(
            "url",
            None,
            "is not set: messages are kept here until it is",
        );
    } else if let (true, (key, None)) = (active, portal.sign_in_secret()) {
        let name = key.trim_start_matches("portal.");
        warn(name, None, "is not set: messages are kept here until it is");
    }
    if in_clear(&portal.url) {
        warn(
            "url",
            Some(portal.url.clone()),
            "the token and every ticket cross the network in clear: use https",
        );
    }
    if portal.sign_in == SignIn::Oauth && in_clear(&portal.token_url) {
        warn(
            "token_url",
            Some(portal.token_url.clone()),
            "the client's secret and every token cross the network in clear: use https",
        );
    }
    // A token endpoint elsewhere is judged by its authority.
    let judged = portal.sign_in == SignIn::Oauth;
    if portal.pinned.is_some() && portal.ca_pem.is_some() && !judged {
        warn(
            "ca_pem",
            None,
            "has no effect while a certificate is pinned",
        );
    }
    match (&portal.client_cert_pem, &portal.client_key_pem) {
        (Some(_), None) => warn(
            "client_key_pem",
            None,
            "is not set: the client certificate is shown to nobody without it",
        ),
        (None, Some(_)) => warn(
            "client_cert_pem",
            None,
            "is not set: the client key has no effect without it",
        ),
        _ => {}
    }
    if let Some(said) = portal.client_cert_ends().and_then(|ends| ending(ends, now)) {
        warn("client_cert_pem", None, &said);
    }
}

/// How long before its end a client certificate is warned of.
const ENDING_DAYS: i64 = 30;

/// That a certificate is over, or will be soon.
pub fn ending(ends: Wall, now: Wall) -> Option<String> {
    const DAY_MS: i64 = 86_400_000;
    let days = ends.0.saturating_sub(now.0).div_euclid(DAY_MS);
    match days {
        ..0 => Some(format!(
            "has been invalid since {ends}: have another one made, or set the clock if that is wrong"
        )),
        0..ENDING_DAYS => Some(format!(
            "ends in {days} days, on {ends}: have another one made"
        )),
        _ => None,
    }
}

/// Whether what is said to a URL can be read on the way.
fn in_clear(url: &str) -> bool {
    let Some((scheme, authority, _)) = url_parts(url) else {
        return false;
    };
    let host = host_of(authority);
    let here = host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    scheme.eq_ignore_ascii_case("http") && !here
}

#[cfg(test)]
mod tests;
